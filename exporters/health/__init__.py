"""The health of servers that hold data, in the same words for every vendor."""
