import Bytes
package import Wire

/// What an administrator decided about one server.
package enum PeerOrder: Hashable, Sendable {
    /// Dial now.
    case retry(ServerName)
    /// No link, whoever dials. What is queued stays.
    case pause(ServerName)
    case resume(ServerName)
    /// This key counts from now on.
    case trust(ServerName, KeyPin)
    /// A new server, or other words about one that was added before.
    case add(PeerSetup, PeerRecord)
    /// One that was added.
    case remove(ServerName)
}

extension Mesh {
    mutating func apply(
        _ order: PeerOrder, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        switch order {
        case .retry(let name): peers[name]?.backoff.overrule()
        case .pause(let name):
            peers[name]?.isPaused = true
            peers[name]?.changedAt = now
            let reason = Refusal(.paused, "an administrator of \(identity.name) has paused links with that server")
            closeLinks(of: name, reason, at: now, &random, &actions)
        case .resume(let name):
            peers[name]?.isPaused = false
            peers[name]?.changedAt = now
            peers[name]?.backoff.overrule()
        case .trust(let name, let pin):
            peers[name]?.pin = pin
            peers[name]?.offers.clear()
            actions.append(.note(.keyTrusted(name, pin.key, from: pin.previous)))
            let reason = Refusal(.keyChanged, "an administrator of \(identity.name) trusts another key now")
            closeLinks(of: name, reason, at: now, &random, &actions)
            peers[name]?.backoff.overrule()
        case .add(let setup, let record): add(setup, record, at: now, &random, &actions)
        case .remove(let name): remove(name, at: now, &random, &actions)
        }
    }

    private mutating func add(
        _ setup: PeerSetup, _ record: PeerRecord, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard setup.name != identity.name else { return }
        if let known = peers[setup.name] {
            guard known.setup.isAdded else { return }
            peers[setup.name]?.setup = setup
            let reason = Refusal(.replaced, "an administrator of \(identity.name) changed the entry of that server")
            closeLinks(of: setup.name, reason, at: now, &random, &actions)
            peers[setup.name]?.backoff.overrule()
        } else {
            var peer = Peer(
                setup, own: identity.name, epoch: epoch, run: run, mayShowRestore: mayShowRestore, record)
            peer.changedAt = now
            peers[setup.name] = peer
        }
        peersChanged()
    }

    private mutating func remove(
        _ name: ServerName, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard peers[name]?.setup.isAdded == true else { return }
        let reason = Refusal(.unknownServer, "an administrator of \(identity.name) removed that server")
        closeLinks(of: name, reason, at: now, &random, &actions)
        let people = peers[name]?.presence.people ?? []
        peers[name] = nil
        peersChanged()
        // Nobody will ever know more of them.
        let gone = people.map { Person(address: $0.address, status: .offline, devices: $0.devices) }
        if !gone.isEmpty { actions.append(.people(gone)) }
    }

    private mutating func peersChanged() {
        order = peers.keys.sorted()
        routing = Routing(own: identity.name, peers: order.compactMap { peers[$0]?.setup })
    }

    /// Also those that are not proven yet, whoever dialled.
    private mutating func closeLinks(
        of name: ServerName, _ reason: Refusal, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        for id in links.keys.sorted() where links[id]?.peer == name {
            close(id, reason, at: now, &random, &actions)
        }
    }

    // MARK: Keys

    /// A key is durable: whoever waits for that goes on.
    mutating func pinned(
        _ name: ServerName, _ key: IdentityKey, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let pin = peers[name]?.pin, pin.key == key else { return }
        if pin.origin == .rotated, let previous = pin.previous {
            actions.append(.note(.keyRotated(name, key, from: previous)))
            if let old = pin.insteadOf, old != key { actions.append(.note(.setupKeyIsOld(name, key))) }
        } else if pin.origin == .first {
            actions.append(.note(.pinned(name, key)))
        }
        peers[name]?.offers.clear()
        for id in links.keys.sorted() where links[id]?.peer == name && links[id]?.isPinning == true {
            guard links[id]?.shownKey == key else { continue }
            do throws(Refusal) {
                let steps = try links[id]?.pinned() ?? []
                perform(steps, on: id, at: now, &random, &actions)
            } catch { close(id, error, at: now, &random, &actions) }
        }
    }

    /// Somebody shows another key than the known one for that name.
    mutating func offered(
        _ key: IdentityKey, by name: ServerName, on id: LinkID, at now: Instant, _ actions: inout [MeshAction]
    ) {
        let isDialled = links[id]?.dialled != nil
        guard peers[name]?.offers.add(key, isDialled: isDialled, at: now) == true else { return }
        actions.append(.note(.keyChanged(name, offered: key)))
    }

    /// Links that are proven stay: they were proven by the key of their time. Those that are not begin anew.
    mutating func rekey(
        _ fresh: LinkIdentity, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        identity = fresh
        let reason = Refusal(.replaced, "\(identity.name) has a new key; link again")
        for id in links.keys.sorted() where links[id]?.isProven == false {
            close(id, reason, at: now, &random, &actions)
        }
    }
}
