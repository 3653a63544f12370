"""What `bench all` measures, a file for each part of the library."""
