package import Bytes
package import Wire

/// Everything that is known of one server's link, for administrators. Durations count back, or ahead, from the moment
/// of the question.
package struct LinkReport: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        case up, dialling
        /// It will be dialled, or has to dial us.
        case waiting
        /// An administrator wants no link.
        case paused
        /// As `waiting`; but the last link or dial ended with something that does not pass by itself.
        case refused
    }

    /// Another key than the known one, as it was offered.
    package struct Offer: Hashable, Sendable {
        package let key: IdentityKey
        package let isDialled: Bool
        package let count: Int
        package let age: Duration

        package init(key: IdentityKey, isDialled: Bool, count: Int, age: Duration) {
            self.key = key
            self.isDialled = isDialled
            self.count = count
            self.age = age
        }
    }

    package struct PastRefusal: Hashable, Sendable {
        package let refusal: Refusal
        package let isOurs: Bool
        package let count: Int
        package let age: Duration

        package init(refusal: Refusal, isOurs: Bool, count: Int, age: Duration) {
            self.refusal = refusal
            self.isOurs = isOurs
            self.count = count
            self.age = age
        }
    }

    package let name: ServerName
    package var state = State.waiting
    /// Since the link came up or went down, or was paused or resumed; nil before anything happened.
    package var since: Duration?
    /// Until the next dial; nil if none is due.
    package var dialIn: Duration?
    /// Where it is dialled; nil if it only dials us.
    package var address: String?
    /// Of the link that is up, else as it is dialled.
    package var transport = LinkTransport.tls
    /// Who dialled the link that is up.
    package var isDialledByUs: Bool?
    package var isAdded = false
    package var queued: Int64 = 0
    package var unacknowledged = 0
    package var failures = 0
    package var lastError: Refusal?
    /// The key that counts; nil before the first.
    package var key: IdentityKey?
    /// The entry names the key that counts.
    package var isKeyNamed = false
    package var pin: KeyPin?
    package var offer: Offer?
    /// Oldest first.
    package var refusals: [PastRefusal] = []

    package init(name: ServerName) { self.name = name }
}

extension Mesh {
    /// One for each server, in the order of their names.
    package func reports(at now: Instant) -> [LinkReport] { order.compactMap { report(of: $0, at: now) } }

    /// nil if there is no such server.
    package func report(of name: ServerName, at now: Instant) -> LinkReport? {
        guard let peer = peers[name] else { return nil }
        var report = LinkReport(name: name)
        report.state = state(of: peer)
        report.since = peer.changedAt.map { now.since($0) }
        report.dialIn = isServing ? peer.dialAt.map { max(.zero, $0.since(now)) } : nil
        report.address = peer.setup.address
        report.transport = peer.link.flatMap { links[$0.id]?.channel?.transport } ?? peer.setup.transport
        report.isDialledByUs = peer.link?.isDialledByUs
        report.isAdded = peer.setup.isAdded
        report.queued = peer.outbox.waiting
        report.unacknowledged = peer.outbox.unacknowledgedCount
        report.failures = peer.backoff.failures
        report.lastError = peer.lastError
        report.key = peer.key
        report.isKeyNamed = peer.setup.key != nil && peer.setup.key == peer.key
        report.pin = peer.pin
        report.offer = peer.offers.best.map {
            .init(key: $0.key, isDialled: $0.isDialled, count: $0.count, age: now.since($0.lastAt))
        }
        report.refusals = peer.refusals.entries.map {
            .init(refusal: $0.refusal, isOurs: $0.isOurs, count: $0.count, age: now.since($0.lastAt))
        }
        return report
    }

    private func state(of peer: Peer) -> LinkReport.State {
        if peer.isPaused { return .paused }
        if peer.link != nil { return .up }
        if peer.dialling != nil { return .dialling }
        guard let code = peer.lastError?.code, LinkAdvice.row(of: code)?.isLasting == true else { return .waiting }
        return .refused
    }

    /// The key that somebody offered and an administrator may take; nil if none was, or there is no such server.
    package func offeredKey(of name: ServerName) -> IdentityKey? { peers[name]?.offers.best?.key }

    /// The pin with which an administrator takes `key` for the known one.
    package func trustPin(of name: ServerName, _ key: IdentityKey) -> KeyPin {
        let named = peers[name]?.setup.key
        return KeyPin(key, .trusted, previous: peers[name]?.key, insteadOf: named == key ? nil : named)
    }

    /// What a test of the way to this server begins with; nil if there is no such server.
    package func probe(of name: ServerName) -> ProbeTarget? {
        guard let peer = peers[name] else { return nil }
        return ProbeTarget(
            name: name, address: peer.setup.address, transport: peer.setup.transport,
            trust: peer.key.map { .key($0) } ?? .firstUse, identity: identity)
    }
}
