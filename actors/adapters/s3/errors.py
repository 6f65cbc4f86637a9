"""What the server and the driver say, as the rest of the system knows it: one sentence, the fix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)

from domain.errors import NotFoundError, ObjectStoreUnavailableError

NO_BUCKET = "NoSuchBucket"
NO_UPLOAD = frozenset({"NoSuchUpload", "404"})
NO_OBJECT = frozenset({"NoSuchKey", "404", "NotFound"})
BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_BAD_CREDENTIAL = frozenset(
    {
        *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"),
        *("TokenRefreshRequired", "InvalidClientTokenId", "UnrecognizedClientException"),
    }
)
_FORBIDDEN = frozenset({"AccessDenied", "AllAccessDisabled", "AccountProblem", "403"})
_OTHER_REGION = frozenset(
    {
        *("PermanentRedirect", "AuthorizationHeaderMalformed", "301"),
        *("IllegalLocationConstraintException",),
    }
)
_DAMAGED = frozenset(
    {"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
)
_FULL = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientStorage", "507"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store is, for sentences; no secrets."""

    bucket: str
    endpoint: str


@contextmanager
def translated(place: Place, key: str | None = None) -> Iterator[None]:
    """Let the driver's errors leave as ours; ``key`` is the object that the call is about.

    Raises:
        NotFoundError: the object is not there.
        ObjectStoreUnavailableError: everything else, with its fix.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if key is not None and code in NO_OBJECT:
            raise NotFoundError(f"no object {key!r}", key=key) from error
        raise _unavailable(_answer_sentence(code, error.response, place), code) from error
    except (BotoCoreError, OSError) as error:
        raise _unavailable(_silence_sentence(error, place), type(error).__name__) from error


def does_not_encrypt(place: Place) -> ObjectStoreUnavailableError:
    return ObjectStoreUnavailableError(
        f"{place.endpoint} does not encrypt what it stores: give it a key store, "
        "or set HEADRACE_OBJECTS__S3__ENCRYPTION=false"
    )


def code_of(error: ClientError) -> str:
    """S3's own name of the error; an answer without a body has its HTTP status instead."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


def _unavailable(sentence: str, code: str) -> ObjectStoreUnavailableError:
    return ObjectStoreUnavailableError(sentence, code=code)


def _answer_sentence(code: str, response: Mapping[str, Any], place: Place) -> str:
    bucket, endpoint = place.bucket, place.endpoint
    if code in {NO_BUCKET, "404"}:
        return (
            f"there is no bucket {bucket!r} at {endpoint}: create it, "
            "or set HEADRACE_OBJECTS__S3__BUCKET"
        )
    if code in _BAD_CREDENTIAL:
        return (
            f"{endpoint} does not accept the credential ({code}): it is wrong, expired or revoked; "
            "set HEADRACE_OBJECTS__S3__ACCESS_KEY_ID and …SECRET_ACCESS_KEY anew"
        )
    if code in _FORBIDDEN:
        return (
            f"the credential may not use the bucket {bucket!r} at {endpoint} ({code}): "
            "let it list, read, write and delete there"
        )
    if code in _OTHER_REGION:
        return f"the bucket {bucket!r} is in another region: set HEADRACE_OBJECTS__S3__REGION"
    if code in _DAMAGED:
        return f"bytes were damaged on their way to {endpoint} ({code}): try again"
    if code in _FULL:
        return f"the storage behind {endpoint} is full: make room and try again"
    if code == "RequestTimeTooSkewed":
        return f"this machine's clock and that of {endpoint} differ too much: set the clock"
    return _other_sentence(code, response, place)


def _other_sentence(code: str, response: Mapping[str, Any], place: Place) -> str:
    said = response.get("Error", {}).get("Message") or "no reason given"
    if "encrypt" in said.lower() or "kms" in said.lower():
        return does_not_encrypt(place).message
    return f"{place.endpoint} answered {code or 'nothing'} for bucket {place.bucket!r}: {said}"


def _silence_sentence(error: BotoCoreError | OSError, place: Place) -> str:
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return (
                "there is no complete S3 credential: set HEADRACE_OBJECTS__S3__ACCESS_KEY_ID "
                "and HEADRACE_OBJECTS__S3__SECRET_ACCESS_KEY, or give this machine a role"
            )
        case SSLError():
            return (
                f"the TLS certificate of {place.endpoint} is not trusted: "
                "set HEADRACE_OBJECTS__S3__CA_BUNDLE"
            )
        case ConnectionError() | HTTPClientError():
            return (
                f"{place.endpoint} does not answer ({type(error).__name__}): start it, "
                "check the network, or set HEADRACE_OBJECTS__S3__ENDPOINT_URL"
            )
        case _:
            return f"{place.endpoint} cannot be used: {error}"
