import Bytes
package import Federation
import Store
package import Wire

/// One request of an administrator. The driver numbers them and never uses a number twice.
package struct AdminID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: AdminID, right: AdminID) -> Bool { left.value < right.value }
}

/// What administrators ask and order. An order is made durable first; then it counts, and then they hear of it.
extension Hub {
    mutating func administer(
        _ id: AdminID, _ command: AdminCommand, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        do throws(AdminRefusal) {
            switch command {
            case .list: answer(id, mesh.reports(at: now).map { .link($0) } + [.done(AdminOutcome())])
            case .why(let name): answer(id, [.link(try report(of: name, at: now)), .done(AdminOutcome())])
            case .test(let name): try test(id, name, at: now)
            case .retry(let name): try retry(id, name, at: now, wall: wall, using: &random)
            case .pause(let name):
                _ = try report(of: name, at: now)
                ask(.pausePeer(name, true, at: wall), for: .administer(id, command))
            case .resume(let name):
                _ = try report(of: name, at: now)
                ask(.pausePeer(name, false, at: wall), for: .administer(id, command))
            case .trust(let name, let key): try trust(id, name, key, at: now, wall: wall)
            case .add(let name, let target, let key): try add(id, name, target, key, at: now, wall: wall)
            case .remove(let name, let isConfirmed): try remove(id, name, isConfirmed: isConfirmed, at: now)
            case .rotateKey: actions.append(.rotateKey(id))
            }
        } catch { answer(id, [.refused(error.refusal, error.facts)]) }
    }

    private mutating func answer(_ id: AdminID, _ lines: [AdminLine]) { actions.append(.answer(id, lines)) }

    private func report(of name: ServerName, at now: Instant) throws(AdminRefusal) -> LinkReport {
        guard let report = mesh.report(of: name, at: now) else {
            throw AdminRefusal(.unknownServer, "this node knows no server named \(name); peers list shows them")
        }
        return report
    }

    private mutating func test(_ id: AdminID, _ name: ServerName, at now: Instant) throws(AdminRefusal) {
        _ = try report(of: name, at: now)
        guard let target = mesh.probe(of: name), target.address != nil else { throw .noAddress(name) }
        actions.append(.probe(id, target))
    }

    private mutating func retry(
        _ id: AdminID, _ name: ServerName, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) throws(AdminRefusal) {
        let report = try report(of: name, at: now)
        switch report.state {
        case .up: return answer(id, [.done(AdminOutcome("\(name) has a link already"))])
        case .paused: throw AdminRefusal(.paused, "\(name) is paused; peers resume \(name) ends that")
        case .dialling, .waiting, .refused: break
        }
        guard report.address != nil else { throw .noAddress(name) }
        tell(.ordered(.retry(name)), at: now, wall: wall, using: &random)
        answer(id, [.done(AdminOutcome("\(name) is being dialled; peers why \(name) says what comes of it"))])
    }

    private mutating func trust(
        _ id: AdminID, _ name: ServerName, _ key: IdentityKey?, at now: Instant, wall: Int64
    ) throws(AdminRefusal) {
        let report = try report(of: name, at: now)
        guard let offer = report.offer else {
            throw AdminRefusal(.notOffered, "\(name) offers no other key than the known one")
        }
        let facts = AdminFacts(old: report.key, new: offer.key)
        guard let key else {
            throw AdminRefusal(.missingMember, "say which key to trust: \"key\" is missing", facts)
        }
        guard key == offer.key else {
            throw AdminRefusal(.notOffered, "that key is not the one that is offered, which is \(offer.key)", facts)
        }
        ask(.repin(name, mesh.trustPin(of: name, key), at: wall), for: .administer(id, .trust(name, key)))
    }

    private mutating func add(
        _ id: AdminID, _ name: ServerName, _ target: PeerTarget, _ key: IdentityKey?, at now: Instant, wall: Int64
    ) throws(AdminRefusal) {
        guard name != self.name else { throw AdminRefusal(.badValue, "\(name) is this server itself") }
        if let report = mesh.report(of: name, at: now), !report.isAdded {
            throw AdminRefusal(.inSetup, "\(name) stands in the setup file, which wins; change its entry there")
        }
        let peer = PeerDecisions.Added(server: name, address: target.description, key: key)
        ask(.addPeer(peer, at: wall), for: .administer(id, .add(name, target, key)))
    }

    private mutating func remove(
        _ id: AdminID, _ name: ServerName, isConfirmed: Bool, at now: Instant
    ) throws(AdminRefusal) {
        let report = try report(of: name, at: now)
        guard report.isAdded else {
            throw AdminRefusal(
                .notAdded, "\(name) was not added but stands in the setup file; take its entry out there")
        }
        guard report.queued == 0 || isConfirmed else {
            throw AdminRefusal(
                .notEmpty,
                "\(report.queued) messages wait for \(name). With --yes it is removed all the same: they are kept for "
                    + "seven days, in case it is added again, and then their authors hear that nobody knows",
                AdminFacts(queued: report.queued))
        }
        ask(.removePeer(name), for: .administer(id, .remove(name, isConfirmed: isConfirmed)))
    }

    /// What a test of the way to a server begins with; nil if there is none of that name.
    package func probe(of name: ServerName) -> ProbeTarget? { mesh.probe(of: name) }

    // MARK: What the store answers

    mutating func administered(
        _ id: AdminID, _ command: AdminCommand, _ reply: NodeReply, at now: Instant, wall: Int64,
        using random: inout some RandomNumberGenerator
    ) {
        let before = command.server.flatMap { mesh.report(of: $0, at: now) }
        switch (command, reply) {
        case (.pause(let name), .done):
            tell(.ordered(.pause(name)), at: now, wall: wall, using: &random)
            done(id, "\(name) is paused until peers resume \(name); \(AdminOutcome.waiting(before))", before)
        case (.resume(let name), .done):
            tell(.ordered(.resume(name)), at: now, wall: wall, using: &random)
            let isDialled = before?.address != nil
            done(id, isDialled ? "\(name) is being dialled" : "\(name) may link again", before)
        case (.trust(let name, let key?), .done):
            let facts = AdminFacts(old: before?.key, new: key)
            tell(.ordered(.trust(name, mesh.trustPin(of: name, key))), at: now, wall: wall, using: &random)
            answer(id, [.done(AdminOutcome("\(name) is trusted with \(key)", facts))])
        case (.add, .done): ask(.streams, for: .administer(id, command))
        case (.add(let name, let target, let key), .streams(let streams)):
            let setup = target.setup(for: name, key: key, isAdded: true)
            tell(
                .ordered(.add(setup, PeerRecord(of: name, in: streams))), at: now, wall: wall, using: &random)
            if before == nil { absent(name, at: now, wall: wall) }
            answer(id, [.done(AdminOutcome(AdminOutcome.words(onAdding: setup, to: target)))])
        case (.remove(let name, _), .done):
            tell(.ordered(.remove(name)), at: now, wall: wall, using: &random)
            // Whether it can be reached is nobody's news any more.
            if absences.removeValue(forKey: name)?.isTold == true { sendToAll(absenceLine()) }
            done(id, "\(name) is removed; \(AdminOutcome.waiting(before))", before)
        case (_, .refused(let refusal)), (_, .failed(let refusal)):
            answer(id, [.refused(refusal, AdminFacts())])
        default: answer(id, [.refused(Refusal(.storeFailed, "the store gave no answer to that"), AdminFacts())])
        }
    }

    private mutating func done(_ id: AdminID, _ text: String, _ before: LinkReport?) {
        answer(id, [.done(AdminOutcome(text, AdminFacts(queued: before?.queued)))])
    }
}

/// Why an administrator's command is not done.
private struct AdminRefusal: Error {
    let refusal: Refusal
    let facts: AdminFacts

    init(_ code: Refusal.Code, _ text: String, _ facts: AdminFacts = AdminFacts()) {
        refusal = Refusal(code, text)
        self.facts = facts
    }

    static func noAddress(_ name: ServerName) -> AdminRefusal {
        AdminRefusal(.noAddress, "\(name) has no address to dial; it has to dial us")
    }
}

extension AdminOutcome {
    fileprivate static func waiting(_ report: LinkReport?) -> String {
        switch report?.queued ?? 0 {
        case 0: "no messages wait for it"
        case 1: "1 message waits for it"
        case let count: "\(count) messages wait for it"
        }
    }

    fileprivate static func words(onAdding setup: PeerSetup, to target: PeerTarget) -> String {
        let how = setup.transport == .tls ? "under TLS" : "in plaintext, which protects nothing on its way"
        let key = setup.key.map { "it must prove \($0)" } ?? "the first key that it proves is pinned"
        return "\(setup.name) is added and dialled at \(target.host) \(how); \(key)"
    }
}

extension AdminCommand {
    /// The server that it is about.
    var server: ServerName? {
        switch self {
        case .list, .rotateKey: nil
        case .why(let name), .test(let name), .retry(let name), .pause(let name), .resume(let name),
            .trust(let name, _), .add(let name, _, _), .remove(let name, _):
            name
        }
    }
}
