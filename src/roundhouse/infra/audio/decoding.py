"""Decoding, in a child process: packet by packet, a second of sound at a time to disk, and nothing silently lost.

A packet that cannot be decoded is counted and left out. Where time stamps say that sound is missing, silence is
written, so that what comes after keeps its time. What is in memory does not grow with the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from roundhouse.core.audio import SAMPLE_RATE_HZ
from roundhouse.infra.audio.channels import Sink
from roundhouse.infra.audio.formats import TIMED, UNINDEXED
from roundhouse.infra.audio.opening import Recording, too_long
from roundhouse.infra.audio.shapes import AudioLimits

_BLOCK_S = 1.0
_GAP_S = 0.25
_LONGEST_GAP_S = 600.0
_MOST_BREAKS = 100
_JUNK_FACTOR = 4
_JUNK_BYTES = 2000

# Flat to 6 kHz, folds less back than FFmpeg's default filter and takes two thirds of its time.
_FILTER = {"filter_size": "16", "kaiser_beta": "6", "cutoff": "0.92"}
# FFmpeg resamples every channel and mixes behind that. Mixed before, there is less to resample; in floats nothing is
# rounded on the way, and they must not grow beyond what 16 bits hold.
_FLOATS = ("fltp", "flt")
_NOT_LOUDER = {"rematrix_maxval": "1"}


class Decoding:
    """One pass over a recording.

    Args:
        recording: Just opened.
        sink: Takes the samples.
        limits: On the length.
        name: Of the file, for messages.
        on_progress: Called with a fraction.

    Attributes:
        skipped_packets: That could not be decoded.
        filled_s: Silence that was put where sound is missing.
        lost_s: Sound that the bytes which are no frames would have held; only of formats that have no index.
    """

    def __init__(
        self,
        recording: Recording,
        sink: Sink,
        limits: AudioLimits,
        name: str,
        on_progress: Callable[[float], None],
    ) -> None:
        self.skipped_packets = 0
        self.filled_s = 0.0
        self._recording = recording
        self._sink = sink
        self._limits = limits
        self._name = name
        self._on_progress = on_progress
        self._file_bytes = max(1, recording.source.stat().st_size)
        self._block = 1
        self._is_timed = recording.container in TIMED
        self._channels = 0
        self._waiting = 0
        self._fifo = AudioFifo()
        self._resampler = _resampler(sink)
        self._mixer: AudioResampler | None = None
        self._begin_s = (recording.file.start_time or 0) / av.time_base
        self._position_s = 0.0
        self._taken = 0
        self._next_pts: int | None = None
        self._packet_bytes = 0
        self._packets = 0
        self._junk_bytes = 0
        self._skipped_bytes = 0

    @property
    def decoded_s(self) -> float:
        """Sound that was in the recording."""
        return self._sink.samples / SAMPLE_RATE_HZ - self.filled_s

    @property
    def lost_s(self) -> float:
        """See the class."""
        if self._recording.container not in UNINDEXED or self._packets == 0:
            return 0.0
        good_bytes = self._packet_bytes - self._junk_bytes
        return (self._junk_bytes + self._skipped_bytes) / max(1, good_bytes) * self.decoded_s

    def run(self) -> None:
        """Decode it all.

        Raises:
            TooLarge: It is longer than it may be.
        """
        context = self._recording.stream.codec_context
        context.thread_count = 1
        decode, take = context.decode, self._take
        is_unindexed = self._recording.container in UNINDEXED
        # Some forty packets a second: each look at one of them, or at its frame, is a hundredth of what decoding costs.
        for packet in self._packets_of():
            size = packet.size
            try:
                frames = decode(packet if size else None)
            except MemoryError:
                raise
            except (av.FFmpegError, ValueError):
                self.skipped_packets += 1
                self._skipped_bytes += size
                continue
            for frame in frames:
                take(frame)
            if is_unindexed and frames:
                self._packets += 1
                self._packet_bytes += size
                if size > _JUNK_BYTES:
                    self._weigh(size)
            if self._waiting >= self._block:
                self._flush()
                self._on_progress(min(1.0, (packet.pos or 0) / self._file_bytes))
        self._flush(last=True)

    def _packets_of(self) -> Iterator[Packet[AudioStream]]:
        """A container may be damaged between packets: its reader goes on behind that, if it can."""
        for _ in range(_MOST_BREAKS):
            try:
                yield from self._recording.file.demux(self._recording.stream)
            except MemoryError:
                raise
            except av.FFmpegError:
                self.skipped_packets += 1
            else:
                return

    def _weigh(self, size: int) -> None:
        """What is much larger than frames usually are holds bytes that are none."""
        usual = (self._packet_bytes - self._junk_bytes) // self._packets
        if size > max(_JUNK_FACTOR * usual, usual + _JUNK_BYTES):
            self._junk_bytes += size - usual

    def _take(self, frame: AudioFrame) -> None:
        samples = frame.samples
        if self._is_timed:
            pts = frame.pts
            if pts != self._next_pts:
                self._keep_time(frame)
            self._next_pts = None if pts is None else pts + samples
            self._taken += samples
        frame.pts = None
        # PyAV's buffer refuses frames of another format or rate than its first one's, but trusts its caller that they
        # have as many channels, and crashes where they have not.
        if frame.layout.nb_channels != self._channels:
            self._begin(frame)
        try:
            self._fifo.write(frame)
        except ValueError:
            self._begin(frame)
            self._fifo.write(frame)
        self._waiting += samples

    def _begin(self, frame: AudioFrame) -> None:
        """What comes now is of another kind than what was before."""
        self._flush(last=True)
        self._channels = frame.layout.nb_channels
        self._fifo, self._resampler = AudioFifo(), _resampler(self._sink)
        self._mixer = _mixer(self._sink, frame)
        self._block = max(1, int(_BLOCK_S * frame.sample_rate))

    def _keep_time(self, frame: AudioFrame) -> None:
        """Fill what is missing before a frame, by its time stamp."""
        self._position_s += self._taken / max(1, frame.sample_rate)
        self._taken = 0
        if frame.time is not None:
            ahead_s = frame.time - self._begin_s - self._position_s
            if abs(ahead_s) >= _GAP_S:
                self._jump(ahead_s, frame.time)

    def _jump(self, ahead_s: float, time_s: float) -> None:
        declared_s = self._recording.declared_s
        believable = ahead_s < _LONGEST_GAP_S or (declared_s is not None and time_s <= declared_s + 1)
        if ahead_s > 0 and believable:
            self._flush(last=True)
            self._resampler = _resampler(self._sink)
            samples = int(ahead_s * SAMPLE_RATE_HZ)
            if self._sink.samples + samples > self._limits.max_decoded_s * SAMPLE_RATE_HZ:
                raise too_long(self._name, self._limits)
            self._sink.write_silence(samples)
            self.filled_s += samples / SAMPLE_RATE_HZ
        self._position_s += ahead_s

    def _flush(self, *, last: bool = False) -> None:
        block = self._fifo.read()
        self._waiting = 0
        outputs: list[AudioFrame] = []
        for mixed in self._mixed(block):
            outputs += self._resampler.resample(mixed)
        if last and self._channels:
            outputs += self._resampler.resample(None)
        for output in outputs:
            self._sink.write(
                memoryview(output.planes[0]).cast("B")[: output.samples * 2 * self._sink.channels]
            )
        self._check_length()

    def _mixed(self, block: AudioFrame | None) -> list[AudioFrame]:
        if block is None:
            return []
        if self._mixer is None:
            return [block]
        mixed = self._mixer.resample(block)
        for frame in mixed:
            frame.pts = None
        return mixed

    def _check_length(self) -> None:
        if self._sink.samples > self._limits.max_decoded_s * SAMPLE_RATE_HZ:
            raise too_long(self._name, self._limits)


def _resampler(sink: Sink) -> AudioResampler:
    return AudioResampler("s16", _layout(sink), SAMPLE_RATE_HZ, options=_FILTER)


def _mixer(sink: Sink, frame: AudioFrame) -> AudioResampler | None:
    """Makes as many channels of those of such frames as the sink takes; None = that gains nothing."""
    if frame.layout.nb_channels <= sink.channels or frame.format.name not in _FLOATS:
        return None
    return AudioResampler(frame.format.name, _layout(sink), frame.sample_rate, options=_NOT_LOUDER)


def _layout(sink: Sink) -> str:
    return "mono" if sink.channels == 1 else "stereo"
