"""The sample helpdesk: believable tickets over HTTP, with faults on request and a full record."""
