"""Simulated carriers: the providers' own wire formats, with handsets behind them.

`python -m sandbox.carriers` reads one line of JSON from its standard input, prints `{"port": N}` once it
listens on 127.0.0.1, and ends when its standard input is closed or on SIGTERM. The line (`config.Config`):

    {"port": 0,                                  0 picks a free one
     "api_url": "http://127.0.0.1:8080",         the public API, which takes receipts and inbound messages
     "aws_endpoint": "http://127.0.0.1:4566",    where SNS is
     "receipts_topic": "arn:aws:sns:...",        SMS and MMS delivery events
     "inbound_topic": "arn:aws:sns:...",         two-way SMS
     "credentials": {"seed": "...", "private_key": "..."},   what both sides' secrets follow from
     "pace": 1.0,                                optional: stretches (or, below 1, shortens) every delay
     "phone_number_ids": {"15550100200": "104"}} optional: WhatsApp numbers and their ids; else id = number

Routes: each provider's API under its name (`providers`), `/media?url=`, and for people and tests
`POST /inbound`, `POST /handshake/{provider}`, `GET /accounts/{provider}` and `GET /log`. What becomes of a
message is decided by the last four digits of its recipient: see `handsets`.

Nothing here imports `switchboard`: a carrier that shared our reading of a format could not disprove it.
"""
