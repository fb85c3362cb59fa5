/// What permessage-deflate is offered with, or agreed on (RFC 7692 §7.1).
package struct DeflateParameters: Equatable, Sendable {
    /// The server compresses each message without looking back at those before (§7.1.1.1).
    package var serverNoContextTakeover = false
    /// The client does so (§7.1.1.2).
    package var clientNoContextTakeover = false
    /// Binary logarithm of how far back the server looks, 8 to 15; nil if it is not named, which means 15 (§7.1.2.1).
    package var serverMaxWindowBits: Int?
    /// The same of the client (§7.1.2.2). In an offer, 15 stands for the parameter without a value as well, which says
    /// no more than that the server may name one; nil says that it may not.
    package var clientMaxWindowBits: Int?

    package init() {}

    static let extensionName = "permessage-deflate"
    static let windowBitsRange = 8...15
    /// RFC 1951 §2: DEFLATE looks back at most 32 KiB, and does unless told otherwise.
    static let windowBitsMax = 15

    /// Who wrote the parameters; the rules differ a little.
    enum Role { case offer, answer }

    /// nil for parameters that §7.1 does not know, that stand twice or have a wrong value. A server then declines this
    /// offer, a client fails the connection.
    init?(_ element: ExtensionElement, as role: Role) {
        guard element.name == DeflateParameters.extensionName else { return nil }
        var seen: Set<String> = []
        for parameter in element.parameters {
            guard seen.insert(parameter.name).inserted else { return nil }
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil): serverNoContextTakeover = true
            case ("client_no_context_takeover", nil): clientNoContextTakeover = true
            case ("server_max_window_bits", let value?):
                guard let bits = DeflateParameters.windowBits(value) else { return nil }
                serverMaxWindowBits = bits
            case ("client_max_window_bits", let value?):
                guard let bits = DeflateParameters.windowBits(value) else { return nil }
                clientMaxWindowBits = bits
            case ("client_max_window_bits", nil) where role == .offer:
                clientMaxWindowBits = DeflateParameters.windowBitsMax
            default: return nil
            }
        }
    }

    /// §7.1.2.1: decimal, without leading zeros.
    private static func windowBits(_ text: String) -> Int? {
        windowBitsRange.first { Array(String($0).utf8) == Array(text.utf8) }
    }

    /// The element as it stands in the header field.
    func text(as role: Role) -> String {
        var parts = [DeflateParameters.extensionName]
        if serverNoContextTakeover { parts.append("server_no_context_takeover") }
        if clientNoContextTakeover { parts.append("client_no_context_takeover") }
        if let bits = serverMaxWindowBits { parts.append("server_max_window_bits=\(bits)") }
        if let bits = clientMaxWindowBits {
            let isOpen = role == .offer && bits == DeflateParameters.windowBitsMax
            parts.append(isOpen ? "client_max_window_bits" : "client_max_window_bits=\(bits)")
        }
        return parts.joined(separator: "; ")
    }

    /// What holds for the messages that `side` sends.
    func direction(from side: Side) -> DeflateDirection {
        switch side {
        case .server:
            DeflateDirection(
                windowBits: serverMaxWindowBits ?? DeflateParameters.windowBitsMax,
                keepsContext: !serverNoContextTakeover)
        case .client:
            DeflateDirection(
                windowBits: clientMaxWindowBits ?? DeflateParameters.windowBitsMax,
                keepsContext: !clientNoContextTakeover)
        }
    }
}

/// How the messages of one side are compressed.
struct DeflateDirection: Equatable, Sendable {
    let windowBits: Int
    let keepsContext: Bool
}
