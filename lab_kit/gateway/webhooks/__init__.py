"""Messages to callers that an operation has ended: kept until they are delivered or given up."""
