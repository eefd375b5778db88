"""What the tests run in the child process in a parser's place."""

import ctypes
import time


def hang(argument, tell):
    time.sleep(3600)


def crash(argument, tell):
    ctypes.string_at(0)
