"""Redaction in AssemblyAI's words: policies are kinds of ours, placeholders are theirs."""

import re
from collections.abc import Sequence
from dataclasses import replace

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.personal_data import PersonalKind, redaction_of
from lab_kit.core.shown import shown
from lab_kit.protocol.transcriptions import Transcription

HASH, ENTITY_NAME = "hash", "entity_name"
"""What may stand for what was taken out; the first is usual."""
POLICIES = {
    "account_number": PersonalKind.ACCOUNT,
    "banking_information": PersonalKind.ACCOUNT,
    "credit_card_cvv": PersonalKind.ACCOUNT,
    "credit_card_number": PersonalKind.CARD,
    "date_of_birth": PersonalKind.DATE_OF_BIRTH,
    "drivers_license": PersonalKind.ACCOUNT,
    "email_address": PersonalKind.EMAIL,
    "passport_number": PersonalKind.ACCOUNT,
    "person_name": PersonalKind.NAME,
    "phone_number": PersonalKind.PHONE,
    "us_social_security_number": PersonalKind.NATIONAL_NUMBER,
}
"""Those that are given. Each takes out all of our kind, which may be more than was asked for.
[Source: AssemblyAI (2025), "PII Redaction"]"""
_NAMES = {
    PersonalKind.ACCOUNT: "ACCOUNT_NUMBER",
    PersonalKind.ADDRESS: "LOCATION",
    PersonalKind.CARD: "CREDIT_CARD_NUMBER",
    PersonalKind.DATE_OF_BIRTH: "DATE_OF_BIRTH",
    PersonalKind.EMAIL: "EMAIL_ADDRESS",
    PersonalKind.NAME: "PERSON_NAME",
    PersonalKind.NATIONAL_NUMBER: "US_SOCIAL_SECURITY_NUMBER",
    PersonalKind.PHONE: "PHONE_NUMBER",
}
_HASHED = "####"
_PLACEHOLDER = re.compile(rf"\[({'|'.join(PersonalKind)})\]")


def steps_of(policies: Sequence[str] | None) -> tuple[str, ...]:
    """The steps that policies ask for; without any, every kind is taken out.

    Raises:
        InvalidParameter: one is not given here.
    """
    strange = [name for name in policies or () if name not in POLICIES]
    if strange:
        raise InvalidParameter(
            f"redact_pii_policies with {shown(', '.join(strange))}, not available on this server",
            f"any of {', '.join(POLICIES)}",
            "choose among these, or leave redact_pii_policies out for all there are",
        )
    return redaction_of(POLICIES[name] for name in policies or ())


def substituted(said: Transcription, sub: str | None) -> Transcription:
    """The transcription with the provider's placeholders for ours."""

    def rewritten(text: str) -> str:
        return _PLACEHOLDER.sub(
            lambda found: f"[{_NAMES[PersonalKind(found[1])]}]" if sub == ENTITY_NAME else _HASHED,
            text,
        )

    segments = tuple(
        replace(
            segment,
            text=rewritten(segment.text),
            words=tuple(replace(word, text=rewritten(word.text)) for word in segment.words),
        )
        for segment in said.segments
    )
    return replace(said, text=rewritten(said.text), segments=segments)
