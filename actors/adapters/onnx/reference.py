"""What the float32 model makes of a few sentences, so that set-up can check a model without it."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
from numpy.typing import NDArray

DIMENSION = 384

SENTENCES = (
    "The customer asks when the renewal contract will be signed.",
    "Deployment failed: connection to the database timed out after 30 seconds.",
    "ok thanks!",
    "Wer hat die Rechnung vom März 2024 bezahlt?",
    (
        "Our pricing call with the procurement team went well: they accepted the yearly discount,"
        " asked for a security questionnaire, and want the pilot to start before the end of the "
        "quarter, as long as single sign-on and audit logs are part of the standard plan."
    ),
)


def reference_embeddings() -> NDArray[np.float32]:
    """One row per sentence, L2-normalised; their int8 rounding costs 1e-4 in cosine similarity."""
    rounded = np.frombuffer(b64decode("".join(_PACKED.split())), dtype=np.int8)
    rows = rounded.reshape(len(SENTENCES), DIMENSION).astype(np.float32)
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


_PACKED = """
ywYH7dAJFhcT7wJA/QosIPPdFfEfD+MC9NY/EiYv7TgiJjPa6/DyDO6gyicbAvIcGyUcueLa5Dk28hcSMdzLTO4YE/DkxukD
HPQUGhUgNLLgzfnhLPoDIUQIHiPB9JJJ/AckJwDt5iQG0N75DP3kzCskvjbTPPyhFSIBycoOSwDKHfsHEdkaHeIZAREJ+Mno
1hTnHzLUCjPnxQoJHvYV+h4N8kQDB9vwFBvx4g++FuItFvsd20ce9wLH3r86uDvg8PQe/RfhUePv38nw6U4QNzULAEEt3RwM
/vrvBwNRfwAl89Qj8+qqH/H0IwbgBOTY08ghGd4C5fIyCg4T1vHM2fxOPede5R5MOuIiFQDuJs4YNhIeJ9rsKRX7MeZNExnL
C+RFBjPq6dyo9gXEBczhvszruEPpvSTiDuf6A7bIrADlCQbNawoi4PXGL+kBDwQz8szL55goCvr/3gx2/OPnJx3h+u/z5Q/7
/Ur2BCzy3w0M67nsOPXP5RQtNyXlD+HXQers7uPx6OsVODLmOhIETe7e9jfYA/RTIf7fOsIruPLZG1s9GBgX+Rza8BYn6Qbk
LRTq89q8/x8jTQD1OAvtGNLvDbsc+e8+iArxHUz8M/vvBvUW6tBRHvEJ+uPNAffoDhHg8h/e5iUBACP/1f38EObg8z3I9P33
8urzsAILPgAA//MVPh0JwPgI0rv5xwgEMEE9/Rql5Bgm5Qg4JQ8JAQXRIKwp++lI3AXYL0swE/oQFNbq8BkbQiPc0fPcEPvs
f+DqEiQj5OQs4+avBtLODenmtt7bDOThwS3dEh7etwAM0S7uVdfzWsTmSBv3w5UKKCUjOkAh9vDoCsv5DQgrDeE03xUJ0Bbe
BwH6w+oCNtXWCPLOTy0V9/HzDCIrGx/7LEENYgI2zy/WN+bTrRf6Kxs2ms4HBeQSKhfv2OVD5wAVLefMQ9whCfYD/Uziasu1
8PYV3gn31s3hJSAS0SDV+N4M4vwMDurt+B087h0a91vYIxbbzBr4LA0H3hrkChTP0Lzg4zDj1OPN3+NT5RMLHQ/lHRQPDtYB
FNDnKiDlzAv8EOsBCzLVOOUi+AP37+baMHby8O8SvxDz1G/fDf6N8k0c7ypBktwR9SY4Fgrq5SOBLfjFE+IaB/8o5AQaLpMk
CT7ZaBYH2vr0oSIvEunkC2EP4mYeARohDt7q5aTczAD49dHcEunkKPrEzZnI/2s5NyjqP/LZ7djiIxwSJSS99rsjBFsKvyb7
+wOw1QvtHfz8P+n+0c3E6yUK+BIb/SDku+7iHukOGAdB4Bsq8BItQvTlsiz4wjgo6h8g/y4aBwDeGONJQR1FZThIMyXUDjYd
5s4QGcow7QUUFxnj6/Ym3sYf3vri3BdQKNwXUdbcDezSOwQXJeL35kHv39sgXR/fJP4RHxsr3An0CAD1NhcI2PHoEOhL8gn6
GNDsSETpxgAEE0o/+C4KBNDrKbbZ4uDDA/Li49wmNvX4OB8d+cYUHD8SHfy+HjL7LcEgMuXux6AAqRXpJfPy6RYWQRwT1QUc
tlEO9c05zxH78ekKE+DL2son1un6Asw21tnvGisaNG3qzBDuEb0M5uwSBOxGB+kkyxbe5h7tCuAbAPrpMdKu+5n/I9HmDBnB
TPoM1gLu2MMu3P/B+S7SPRj88ebVFqMw8s1HMh4NCNLOGhUD7ejptwnQEvsFvBjLCR0K0T/eHgD/Awo26CMmJAHaD88HpPTA
GQbh9sYI8gNRJyvz9yQ3NMjY7hfJLPgLSQ6h80r5IhlP6QoGsgQCBeP8AeYBD+AJNNcpCdox/N4Y9wItK0T7AtAcJe4e9hT2
MhY61i4zEQARYtU6CukPNw3PM71VQQogNuPP2bcX4RTeHCIZ/UQIxe4pAQMsKgMW2EfSFB+8EhQH4B/n+NgpJd/j2REUDzT9
Jb7S+FE4SArJQs33/SbYILwc5vzptgnrAqbkIQANOgAQH8YlBcn51e05AgMQGOFgwsvzwD+w+LXrC/Qi7M7kB/q+EAP8E/om
V0YRO+yBE9kR7q8RFfc5Tg0d3vMU9/vv/Erq5QIt6Qr1Mw4U9C0P4fzGHDfo7v0J5dcgBwQJ/gs7GTfP9u/tAtLFwCLk7ggj
FzAc3RPU6hDt6vzRu+K3DAMP/wQFHsvpBtgQQRMCEaL0D+YfFREEIkMGAP3a5OkC2OY5GCwDA+Pg9infJAMGASr1KQ/lIizc
RBgt5OALMAAPK+3hFBT/PM4l8yEB4CsD3iUZBf6BFhNHAw8AIQz7D/QABTMZCxXR5/n57Ovb5QAt+9H92Mzh0w/m8wn+EwP0
yCD7/Anb8ADg2N4rQWZNI/zeERwdDR0T3+3S8glLLwD/Fv/zBvnM4AYk6wYA+BnfBN0dBR5Tzv0IFwwU7AHzyfYEBesRC/Yi
Juny+fbXEdcC/dIMI/21DB4AIfIWHAr4DdhDFAXz6O0PGOz099HpHQEP1TD57wkA7Sjj6AcO5AD4Gz8aKtXn7dTdGwMD8MYO
7hnf5s0g5+rnFuwxBfoALysA2uzt9iTa/C4ED8X7rdD4tgsCIj4ZGxbe+gMG490B
"""
