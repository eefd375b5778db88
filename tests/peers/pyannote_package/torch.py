"""As much of PyTorch as a pipeline is given: samples and a device."""

from types import SimpleNamespace

__version__ = "0.0-stand-in"
cuda = SimpleNamespace(is_available=lambda: False)


def device(name):
    return SimpleNamespace(type=name.partition(":")[0], name=name)


class Tensor:
    def __init__(self, array):
        self.array = array

    def __getitem__(self, index):
        return Tensor(self.array[index])

    @property
    def shape(self):
        return self.array.shape


def from_numpy(array):
    return Tensor(array)
