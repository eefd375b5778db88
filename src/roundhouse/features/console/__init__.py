"""The console: everything Roundhouse does, in the browser.

Its built files are served from `ui/`, under a policy that lets nothing in from elsewhere. One signs in with a key of
access, or a token of the outer system: it is put into a cookie that scripts cannot read and that is taken as a bearer
is, with the same rights and limits. There are no accounts and no sessions here.
"""
