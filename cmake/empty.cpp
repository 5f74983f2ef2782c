// The one source of the shared libraries: their objects come from the folders' static libraries.
