"""What proves a server honest: records that cannot be changed quietly, and rules that decide."""
