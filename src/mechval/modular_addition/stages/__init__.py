"""One module per stage; they read settings and files, and call the modules that do the work."""
