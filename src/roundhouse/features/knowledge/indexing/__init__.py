"""Index versions: measured, made anew under another model or elsewhere, compared, switched, rolled back."""
