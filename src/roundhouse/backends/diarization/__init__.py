"""Who tells speakers apart, one file per vendor."""
