"""An API's shape: ways, payments, retries, webhooks."""
