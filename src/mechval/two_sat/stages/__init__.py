"""The 2-SAT study's stages: read artifacts in, call the library, write artifacts out."""
