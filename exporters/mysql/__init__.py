"""What the collector `mysql` makes of MySQL and MariaDB: pure, but for what asks the server."""
