"""All events as one union, for a `match` that a type checker can find incomplete."""

from blaaiz_async.webhooks.event import UnknownEvent
from blaaiz_async.webhooks.events.crypto import (
    CryptoDepositSuccessful,
    CryptoPayoutFailed,
    CryptoPayoutProcessing,
    CryptoPayoutSuccessful,
)
from blaaiz_async.webhooks.events.customers import (
    AutoDepositEmailActivated,
    AutoDepositEmailBlocked,
    CustomerCreated,
    CustomerStatusChanged,
    VirtualAccountCreated,
    VirtualAccountCredited,
    VirtualAccountFailed,
    VirtualAccountReady,
    VirtualAccountRejected,
)
from blaaiz_async.webhooks.events.money import (
    CollectionCompleted,
    CollectionExpired,
    CollectionFailed,
    CollectionInitiated,
    CollectionPending,
    PayoutCompleted,
    PayoutFailed,
    PayoutInitiated,
    PayoutProcessing,
    RefundFinished,
    RefundInitiated,
)
from blaaiz_async.webhooks.events.signa import (
    SignaIdGrantRevoked,
    SignaSessionCompleted,
    SignaSessionExpired,
)

AnyEvent = (
    CollectionInitiated
    | CollectionPending
    | CollectionCompleted
    | CollectionFailed
    | CollectionExpired
    | PayoutInitiated
    | PayoutProcessing
    | PayoutCompleted
    | PayoutFailed
    | RefundInitiated
    | RefundFinished
    | CryptoPayoutProcessing
    | CryptoPayoutSuccessful
    | CryptoPayoutFailed
    | CryptoDepositSuccessful
    | CustomerCreated
    | CustomerStatusChanged
    | VirtualAccountCreated
    | VirtualAccountReady
    | VirtualAccountRejected
    | VirtualAccountFailed
    | VirtualAccountCredited
    | AutoDepositEmailActivated
    | AutoDepositEmailBlocked
    | SignaSessionCompleted
    | SignaSessionExpired
    | SignaIdGrantRevoked
    | UnknownEvent
)
