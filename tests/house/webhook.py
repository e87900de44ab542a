"""Verifies what a webhook was told with the official library: webhook.py SECRET ID TIMESTAMP SIGNATURE, the body on stdin.

Prints whether it holds."""
import sys
from standardwebhooks import Webhook, WebhookVerificationError

secret, identifier, timestamp, signature = sys.argv[1:]
headers = {"webhook-id": identifier, "webhook-timestamp": timestamp, "webhook-signature": signature}
try:
    Webhook(secret).verify(sys.stdin.buffer.read().decode(), headers)
    print(True)
except WebhookVerificationError as error:
    print(f"no: {error}")
