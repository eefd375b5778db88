"""What a recording costs before a recogniser hears it: decoding beside FFmpeg's program, and memory over hours."""
