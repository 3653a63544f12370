"""What `bench learnability` measures of a method's tokens."""
