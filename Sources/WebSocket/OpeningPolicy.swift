/// Whom a server lets in, by what the opening request says (RFC 6455 §4.2.2 point 4). Who the client is, it does not say.
package struct OpeningPolicy: Sendable {
    /// Paths that exist, without query. Others are answered 404.
    package var paths: [String]
    /// What clients call us, with the port where it is not the default one, in lower case; nil lets all through. It keeps
    /// out a page whose author made a name of their own point at us. Others are answered 421.
    package var hosts: [String]?
    /// Pages that browsers may connect from, as in `https://chat.example`; others are answered 403. Who sends no Origin
    /// is no browser and passes: programs can claim any origin (§10.2), so this protects people's browsers, not us.
    package var origins: [String] = []
    /// What we speak, best first. Empty ignores what is offered.
    package var subprotocols: [String] = []
    /// Whether a client must offer one of them; one that does not is answered 400.
    package var requiresSubprotocol = false

    package init(paths: [String]) { self.paths = paths }

    /// Returns the subprotocol to accept with, if any; throws what to refuse with.
    package func judge(_ request: OpeningRequest) throws(OpeningFault) -> String? {
        // Compared as bytes: Swift takes some strings for equal that are not the same, and slowly.
        guard paths.contains(where: { $0.utf8.elementsEqual(request.path.utf8.prefix { $0 != UInt8(ascii: "?") }) })
        else {
            throw OpeningFault(
                status: .notFound, reason: "There is nothing here. Try \(paths.joined(separator: ", ")).")
        }
        let host = HTTPText.lowercased(request.host.utf8)
        if let hosts, !hosts.contains(where: { $0.utf8.elementsEqual(host) }) {
            throw OpeningFault(status: .misdirected, reason: "This server goes by another name.")
        }
        if let origin = request.origin, !origins.contains(where: { $0.utf8.elementsEqual(origin.utf8) }) {
            throw OpeningFault(status: .forbidden, reason: "Web pages of that origin may not connect here.")
        }
        let chosen = subprotocols.first { ours in
            request.subprotocols.contains { $0.utf8.elementsEqual(ours.utf8) }
        }
        guard chosen != nil || !requiresSubprotocol else {
            throw OpeningFault(
                status: .badRequest, reason: "Offer one of these: \(subprotocols.joined(separator: ", ")).")
        }
        return chosen
    }
}
