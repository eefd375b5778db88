"""Every try of a call, kept whole: written before the call, ended behind it, in the transaction of what came of it."""
