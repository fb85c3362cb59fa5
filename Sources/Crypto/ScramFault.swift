/// Why a SCRAM exchange (RFC 5802) ended without a login. Except where said otherwise it is the other side's fault.
package enum ScramFault: Error, Equatable, Sendable {
    /// A message of more than 2 KiB or a verifier of more than 256 bytes.
    case tooLong
    /// Not what RFC 5802 §7 describes: an attribute is missing, out of order, empty, twice, or has the wrong form.
    case malformed
    /// `m=`: RFC 5802 §5.1 reserves it, and whoever does not know what follows must refuse.
    case extensionRefused
    /// `a=`: nobody acts for somebody else here.
    case authorizationRefused
    /// The two sides do not see the same TLS connection, or one of them was told that the other cannot look.
    case bindingRefused
    /// A nonce of the wrong form, or a reply that does not belong to this exchange.
    case nonceRefused
    /// The server asks for this many iterations, outside what the client was told to accept; or our own mistake when
    /// making a verifier.
    case iterationsRefused(Int)
    /// A salt of other than 16 to 64 bytes; or our own mistake when making a verifier.
    case saltRefused
    /// For a client: this is not the server that knows the password. For a server: wrong password or no such user,
    /// which nobody must be able to tell apart.
    case notAuthentic
    /// The server said `e=`. What it said is not worth showing: it is not authenticated.
    case refusedByServer
    /// A message where none is due: the exchange is over, or has not come that far.
    case outOfOrder
    /// The person's fault: the password is empty, longer than 1 KiB or contains control characters.
    case passwordRefused
    /// The machine's fault: no memory.
    case cryptoFailed
}
