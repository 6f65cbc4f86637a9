"""Salesforce fields and objects by their names: how they are spelt, called and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from domain.parsers.word_lists import words

_STANDARD = """
    Id Name IsDeleted MasterRecordId Type ParentId AccountId ContactId LeadId OpportunityId CaseId
    CampaignId OwnerId CreatedDate CreatedById LastModifiedDate LastModifiedById SystemModstamp
    LastActivityDate LastViewedDate LastReferencedDate RecordTypeId CurrencyIsoCode Description
    BillingStreet BillingCity BillingState BillingStateCode BillingPostalCode BillingCountry
    BillingCountryCode BillingLatitude BillingLongitude BillingGeocodeAccuracy BillingAddress
    ShippingStreet ShippingCity ShippingState ShippingStateCode ShippingPostalCode ShippingCountry
    ShippingCountryCode ShippingLatitude ShippingLongitude ShippingGeocodeAccuracy ShippingAddress
    MailingStreet MailingCity MailingState MailingStateCode MailingPostalCode MailingCountry
    MailingCountryCode MailingLatitude MailingLongitude MailingGeocodeAccuracy MailingAddress
    OtherStreet OtherCity OtherState OtherStateCode OtherPostalCode OtherCountry OtherCountryCode
    OtherLatitude OtherLongitude OtherGeocodeAccuracy OtherAddress Street City State StateCode
    PostalCode Country CountryCode Latitude Longitude GeocodeAccuracy Address Phone Fax
    AccountNumber Website PhotoUrl Sic SicDesc Industry AnnualRevenue NumberOfEmployees Ownership
    TickerSymbol Rating Site AccountSource DunsNumber Tradestyle NaicsCode NaicsDesc YearStarted
    DandbCompanyId Jigsaw JigsawCompanyId JigsawContactId IsCustomerPortal IsPartner CleanStatus
    LastName FirstName MiddleName Suffix Salutation MobilePhone HomePhone OtherPhone AssistantPhone
    ReportsToId Email Title Department AssistantName LeadSource Birthdate HasOptedOutOfEmail
    HasOptedOutOfFax DoNotCall CanAllowPortalSelfReg LastCURequestDate LastCUUpdateDate
    EmailBouncedReason EmailBouncedDate IsEmailBounced IndividualId IsPrivate StageName Amount
    Probability ExpectedRevenue TotalOpportunityQuantity CloseDate NextStep IsClosed IsWon
    ForecastCategory ForecastCategoryName HasOpportunityLineItem PricebookId Pricebook2Id
    FiscalQuarter FiscalYear Fiscal HasOpenActivity HasOverdueTask PushCount LastStageChangeDate
    ContractId CaseNumber AssetId ProductId EntitlementId SourceId BusinessHoursId SuppliedName
    SuppliedEmail SuppliedPhone SuppliedCompany Status Reason Origin IsVisibleInSelfService Subject
    Priority ClosedDate IsEscalated HasCommentsUnreadByOwner HasSelfServiceComments
    IsClosedOnCreate IsSelfServiceClosed SlaStartDate SlaExitDate IsStopped StopStartDate
    MilestoneStatus ContactPhone ContactMobile ContactEmail ContactFax Comments Company
    IsConverted ConvertedDate ConvertedAccountId ConvertedContactId ConvertedOpportunityId
    IsUnreadByOwner CompanyDunsNumber WhoId WhatId ActivityDate ActivityDateTime IsHighPriority
    IsArchived CallDurationInSeconds CallType CallDisposition CallObject ReminderDateTime
    IsReminderSet RecurrenceActivityId IsRecurrence RecurrenceStartDateOnly RecurrenceEndDateOnly
    RecurrenceTimeZoneSidKey RecurrenceType RecurrenceInterval RecurrenceDayOfWeekMask
    RecurrenceDayOfMonth RecurrenceInstance RecurrenceMonthOfYear RecurrenceRegeneratedType
    TaskSubtype EventSubtype StartDateTime EndDateTime DurationInMinutes Location IsAllDayEvent
    ShowAs IsGroupEvent CompletedDateTime HasResponded FirstRespondedDate CompanyOrAccount
    LeadOrContactId LeadOrContactOwnerId StartDate EndDate BudgetedCost ActualCost
    ExpectedResponse NumberSent IsActive NumberOfLeads NumberOfConvertedLeads NumberOfContacts
    NumberOfResponses NumberOfOpportunities NumberOfWonOpportunities AmountAllOpportunities
    AmountWonOpportunities CampaignMemberRecordTypeId Role Roles IsPrimary IsDirect Quantity
    UnitPrice ListPrice TotalPrice Discount Subtotal Tax GrandTotal ServiceDate ProductCode Family
    Product2Id PricebookEntryId OrderId OrderNumber OrderItemNumber EffectiveDate ContractNumber
    ContractTerm QuoteNumber QuoteId ExpirationDate Username Alias UserRoleId ProfileId ManagerId
    TimeZoneSidKey LocaleSidKey LanguageLocaleKey EmailEncodingKey CommunityNickname EmployeeNumber
    Division CompanyName Extension FederationIdentifier UserType LastLoginDate DeveloperName
    SobjectType NamespacePrefix BusinessProcessId ParentCaseId CommentBody IsPublished TextBody
    HtmlBody Headers FromName FromAddress ToAddress CcAddress BccAddress Incoming HasAttachment
    MessageDate RelatedToId ActivityId ThreadIdentifier MessageIdentifier ReplyToEmailMessageId
    FeedItemId Body LinkUrl InsertedById RelatedRecordId CommentCount LikeCount ContentType
    BodyLength ContentDocumentId LinkedEntityId ShareType Visibility VersionNumber PathOnClient
    FileType ContentSize FileExtension LatestPublishedVersionId SetupOwnerId SerialNumber
    InstallDate PurchaseDate UsageEndDate Price Question Answer Summary Note ArticleNumber UrlName
    OrganizationId DontCreatePayments Pricebook2 Error
"""
STANDARD_FIELDS = {name.lower(): name for name in words(_STANDARD)}
"""How Salesforce writes its own fields, by their lower-case names."""

_RELATIONS = {key[:-2]: name[:-2] for key, name in STANDARD_FIELDS.items() if key.endswith("id")}
_CUSTOM = re.compile(r"__(c|r|pc|pr|s|kav|x|mdt|e|b)\Z", re.IGNORECASE)
_NAMESPACE = re.compile(r"\A[A-Za-z][A-Za-z0-9]*?__(?=\w+__\w+\Z)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_WORD = re.compile(r"[\W_]+")
_TRAILING_DIGITS = re.compile(r"(?<=[a-z])\d+\Z")

_HIDDEN = frozenset(
    words("""
    Id IsDeleted SystemModstamp LastModifiedDate LastModifiedById CreatedById LastViewedDate
    LastReferencedDate MasterRecordId PhotoUrl Jigsaw JigsawCompanyId JigsawContactId DandbCompanyId
    Fiscal FiscalQuarter FiscalYear ForecastCategory BusinessHoursId CurrencyIsoCode CleanStatus
    LastCURequestDate LastCUUpdateDate RecurrenceTimeZoneSidKey TimeZoneSidKey LocaleSidKey
    LanguageLocaleKey EmailEncodingKey SetupOwnerId MessageIdentifier ThreadIdentifier Headers
    LeadOrContactId LeadOrContactOwnerId IsUnreadByOwner HasOpenActivity BodyLength nextRecordsUrl
    """)
)
_HIDDEN_ENDINGS = ("Latitude", "Longitude", "GeocodeAccuracy")
_PROSE = frozenset(
    words("""
    Description Comments CommentBody TextBody HtmlBody Body NextStep Question Answer Summary Note
    """)
)
_PHRASES = {
    "StageName": "stage",
    "CloseDate": "closes",
    "ActivityDate": "due",
    "StartDateTime": "starts",
    "EndDateTime": "ends",
    "StartDate": "starts",
    "EndDate": "ends",
    "ForecastCategoryName": "forecast category",
    "CreatedDate": "created",
    "NumberOfEmployees": "employees",
    "FromAddress": "from",
    "ToAddress": "to",
    "CcAddress": "cc",
    "SuppliedName": "supplied name",
    "OwnerId": "owned by",
    "AccountId": "of account",
    "ContactId": "contact",
    "WhoId": "with",
    "WhatId": "about",
    "ParentId": "part of",
    "ReportsToId": "reports to",
}
_ORDER = [
    *("AccountId", "WhoId", "WhatId", "ContactId", "LeadId", "OpportunityId", "CampaignId"),
    *("ParentId", "CaseNumber", "Title", "Company", "StageName", "Status", "Priority", "Type"),
    *("Amount", "Probability", "CloseDate", "ActivityDate", "StartDateTime", "EndDateTime"),
    *("Industry", "Rating", "Email", "Phone", "MobilePhone", "Reason", "Origin", "LeadSource"),
]
_RANKS = {name: rank for rank, name in enumerate(_ORDER)}
_LATE_RANKS = {"OwnerId": 900, "RecordTypeId": 901, "CreatedDate": 902}
_MIDDLE_RANK = 500

_BOOLEAN = re.compile(r"(is|has|had|can|do not|dont|does|was|allow|active|opted)\b")
_MONEY = re.compile(
    r"\b(amount|revenue|price|costs?|balance|msrp|budget|income|fee|subtotal|grand total|rate)\b"
)
_NUMERIC = re.compile(
    r"\b(probability|quantity|latitude|longitude|seconds|minutes|percent|discount|employees|year|quarter"
    r"|term|interval|instance|size|score)\b|^number of|^(push|comment|like) count$|number sent"
)
_TEXTUAL = re.compile(r"\b(zip|postal|phone|fax|mobile|code|id|ids|number|key|sku|name)\b(?! of)")


@dataclass(frozen=True, slots=True)
class Traits:
    """What a field's name says of its values."""

    name: str
    label: str
    phrase: str
    rank: int
    is_custom: bool
    is_hidden: bool
    is_prose: bool
    is_boolean: bool
    is_numeric: bool
    is_money: bool
    is_lookup: bool
    is_listed: bool


def canonical(column: str) -> str:
    """A column's name as Salesforce writes it: ``ACCOUNT.NAME`` is ``Account.Name``.

    Snake case stands for the same names (``stage_name``); what is not known stays as it is.
    """
    *path, last = column.strip().split(".")
    return ".".join([*map(_canonical_relation, path), _canonical_field(last)])


def _canonical_relation(name: str) -> str:
    return name if is_custom(name) else _RELATIONS.get(_squeezed(name), name)


def _canonical_field(name: str) -> str:
    if custom := _CUSTOM.search(name):
        return name[: custom.start()] + custom[0].lower()
    return STANDARD_FIELDS.get(_squeezed(name), name)


def _squeezed(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()


def is_custom(name: str) -> bool:
    """Whether the name ends as those that an organisation adds do: ``Branch__c``."""
    return bool(_CUSTOM.search(name))


def relation_of(name: str) -> str:
    """What a lookup leads to is called so: ``AccountId`` → ``Account``, ``X__c`` → ``X__r``."""
    if name.endswith("__c"):
        return name[:-1] + "r"
    return name[:-2] if name.endswith("Id") and len(name) > 2 else f"{name}.Name"


def words_of(name: str) -> str:
    """An object's or field's name in words, without name space and suffix; case is kept."""
    bare = _NAMESPACE.sub("", name) if is_custom(name) else name
    bare = _CUSTOM.sub("", bare)
    return _NOT_WORD.sub(" ", _CAMEL.sub(" ", bare)).strip() or name


def object_label(sobject: str) -> str:
    """``npe01__OppPayment__c`` → ``Opp Payment``, ``Product2`` → ``Product``."""
    words = _TRAILING_DIGITS.sub("", words_of(sobject))
    return words[:1].upper() + words[1:]


def _phrase_of(name: str, label: str) -> str:
    """What stands before a value; before the name of what a lookup leads to, the lookup's."""
    if name.endswith(".Name"):
        return _PHRASES.get(f"{name[:-5]}Id", label.removesuffix(" name"))
    return _PHRASES.get(name, label)


@lru_cache(maxsize=10_000)
def traits_of(name: str) -> Traits:
    """What a canonical field's name says."""
    is_lookup = name.endswith("Id") and len(name) > 2 and not is_custom(name)
    label = " ".join(words_of(part).lower() for part in name.split("."))
    label = label.removesuffix(" id") if is_lookup else label
    custom = is_custom(name)
    own = name.rsplit(".", 1)[-1]
    is_money = bool(_MONEY.search(label))
    is_textual = bool(_TEXTUAL.search(label)) and not _NUMERIC.search(label)
    return Traits(
        name=name,
        label=label,
        phrase=_phrase_of(name, label),
        rank=_LATE_RANKS.get(name, _RANKS.get(name, _MIDDLE_RANK)),
        is_custom=custom,
        is_hidden=own in _HIDDEN or own.endswith(_HIDDEN_ENDINGS),
        is_prose=own in _PROSE,
        is_boolean=bool(_BOOLEAN.match(label)),
        is_numeric=not is_textual and (custom or is_money or bool(_NUMERIC.search(label))),
        is_money=is_money,
        is_lookup=is_lookup,
        is_listed=custom or own in ("Roles", "Family"),
    )
