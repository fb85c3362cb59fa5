import Bytes
import Wire

/// What happens on links, and to them.
extension Mesh {
    /// Two links proven within this time of each other are one meeting of two dials (design decision D7).
    package static let duplicateDuration: Duration = .seconds(10)

    mutating func applyToLink(
        _ event: MeshEvent, at now: Instant, _ random: inout some RandomNumberGenerator, _ actions: inout [MeshAction]
    ) {
        switch event {
        case .opened(let id, let channel):
            let nonce = (0..<LinkHello.nonceBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
            let steps = links[id]?.opened(as: identity, over: channel, nonce: nonce, at: now) ?? []
            perform(steps, on: id, at: now, &random, &actions)
        case .received(let id, let message): receive(message, on: id, at: now, &random, &actions)
        case .unreadable(let id, let refusal):
            guard let link = links[id] else { return }
            guard refusal.code == .unknownTag, link.isProven, let name = link.peer else {
                return close(id, refusal, at: now, &random, &actions)
            }
            // A newer peer may say more than we know.
            links[id]?.heard(at: now)
            actions.append(.note(.ignored(name, refusal.code)))
        case .heard(let id): links[id]?.heard(at: now)
        case .closed(let id, let reason):
            guard let link = links.removeValue(forKey: id) else { return }
            // Who dialled and proved nothing, or only tested, has no word in what is known of a server.
            if let reason, let name = link.peer, link.dialled != nil || link.isProven {
                peers[name]?.refusals.add(reason, isOurs: false, at: now)
            }
            ended(link, reason, at: now, &random, &actions)
        case .signed(let id, let signature):
            perform(links[id]?.signed(signature) ?? [], on: id, at: now, &random, &actions)
        case .verified(let id, let isGood):
            let link = links[id]
            let trust = link?.peer.map { self.trust(in: $0, over: link?.channel) } ?? .stranger
            do throws(Refusal) {
                let steps = try links[id]?.verified(isGood, trust: trust) ?? []
                perform(steps, on: id, at: now, &random, &actions)
            } catch { close(id, error, at: now, &random, &actions) }
        default: break
        }
    }

    private mutating func receive(
        _ message: LinkMessage, on id: LinkID, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        var trust = PeerTrust.stranger
        if case .hello(let hello) = message { trust = self.trust(in: hello.from, over: links[id]?.channel) }
        do throws(Refusal) {
            let steps = try links[id]?.receive(message, trust: trust, at: now) ?? []
            perform(steps, on: id, at: now, &random, &actions)
        } catch {
            if case .hello(let hello) = message, error.code == .keyChanged {
                offered(hello.key, by: hello.from, on: id, at: now, &actions)
            }
            close(id, error, at: now, &random, &actions)
        }
    }

    private func trust(in name: ServerName, over channel: LinkChannel?) -> PeerTrust {
        guard let peer = peers[name] else { return .stranger }
        guard !peer.isPaused else { return .paused }
        guard !peer.setup.requiresTLS || channel?.transport == .tls else { return .needsTLS }
        return peer.key.map { .key($0) } ?? .firstUse
    }

    mutating func perform(
        _ steps: [LinkStep], on id: LinkID, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        for step in steps {
            guard let link = links[id] else { return }
            switch step {
            case .send(let message): actions.append(.send(id, message))
            case .ping: actions.append(.ping(id))
            case .sign(let bytes): actions.append(.sign(id, bytes))
            case .verify(let key, let bytes, let signature):
                actions.append(.verify(id, key, bytes, signature: signature))
            case .pin(let name, let key):
                // From here on no other key is a first one, even if this link ends before the pin is durable.
                peers[name]?.pin = KeyPin(key)
                actions.append(.pin(name, key))
            case .repin(let name, let key, let known):
                let pin = KeyPin(key, .rotated, previous: known, insteadOf: peers[name]?.setup.key)
                peers[name]?.pin = pin
                actions.append(.repin(name, pin))
            case .tested: if let name = link.peer { actions.append(.note(.tested(name, id))) }
            case .echo(let ref): actions.append(.echo(id, ref: ref))
            case .proven: proven(link, at: now, &random, &actions)
            case .claimed: claimed(link, at: now, &random, &actions)
            case .deliver(let message): deliver(message, on: link, at: now, &random, &actions)
            }
        }
    }

    private mutating func deliver(
        _ message: LinkMessage, on link: LinkMachine, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let name = link.peer, peers[name]?.link?.id == link.id else { return }
        if case .closing(let retrySeconds) = message {
            close(link.id, Refusal(.draining, "\(name) is going down"), at: now, &random, &actions)
            peers[name]?.backoff.held(for: .seconds(retrySeconds), at: now)
            return
        }
        do throws(Refusal) {
            let wanted = try peers[name]?.receive(message, people, at: now) ?? []
            guard wanted != [.renewEpoch] else {
                return close(link.id, knowsMore(name, &actions), at: now, &random, &actions)
            }
            actions += wanted
        } catch { close(link.id, error, at: now, &random, &actions) }
    }

    /// One link per pair (design decision D7): of two that the two sides dialled at about the same time, the one that
    /// the smaller name dialled stays, so that both sides choose alike; otherwise the newer proof counts.
    private mutating func proven(
        _ link: LinkMachine, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let name = link.peer, let peer = peers[name] else { return }
        let isDialledByUs = link.dialled != nil
        if isDialledByUs { peers[name]?.offers.clearDialled() }
        let reason = Refusal(.replaced, "another link of the same two servers takes its place")
        if let current = peer.link {
            let isDuplicate =
                current.isDialledByUs != isDialledByUs && now.since(current.provenAt) <= Mesh.duplicateDuration
            if isDuplicate, current.isDialledByUs == (identity.name < name) {
                return close(link.id, reason, at: now, &random, &actions)
            }
            links[current.id] = nil
            actions += peers[name]?.linkDown(reason, isReplaced: true) ?? []
            actions.append(.close(current.id, reason))
        }
        if peer.dialling == link.id { peers[name]?.dialling = nil }
        actions += peers[name]?.linkUp(link.id, isDialledByUs: isDialledByUs, at: now) ?? []
    }

    /// An inbound claim of a name that has no pin carries nothing, but tells us to dial (design decision D5).
    private mutating func claimed(
        _ link: LinkMachine, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        let reason = Refusal(.unpinned, "that name is not pinned at \(identity.name) yet; it dials back")
        close(link.id, reason, at: now, &random, &actions)
        guard let name = link.peer, let peer = peers[name] else { return }
        if let claimedAt = peer.claimedAt, now.since(claimedAt) < Peer.claimInterval { return }
        peers[name]?.claimedAt = now
        peers[name]?.backoff.wake()
    }

    /// We end a link.
    mutating func close(
        _ id: LinkID, _ reason: Refusal, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let link = links.removeValue(forKey: id) else { return }
        if !link.isProven { actions.append(.note(.linkRefused(link.peer, id, reason))) }
        if let name = link.peer { peers[name]?.refusals.add(reason, isOurs: true, at: now) }
        actions.append(.close(id, reason))
        ended(link, reason, at: now, &random, &actions)
    }

    /// A link is gone, whoever ended it.
    private mutating func ended(
        _ link: LinkMachine, _ reason: Refusal?, at now: Instant, _ random: inout some RandomNumberGenerator,
        _ actions: inout [MeshAction]
    ) {
        guard let name = link.peer, let peer = peers[name] else { return }
        if let current = peer.link, current.id == link.id {
            actions += peers[name]?.linkDown(reason, isReplaced: false) ?? []
            peers[name]?.changedAt = now
            let hasStood = now.since(current.provenAt) >= Peer.successDuration
            switch reason?.code {
            case .replaced, .restored: peers[name]?.backoff.paused(at: now)
            case _ where current.hasDelivered || hasStood: peers[name]?.backoff.succeeded()
            default: peers[name]?.backoff.failed(at: now, using: &random)
            }
        } else if peer.dialling == link.id {
            peers[name]?.dialling = nil
            peers[name]?.lastError = reason ?? Refusal(.timedOut, "\(name) cannot be reached")
            switch reason?.code {
            case .replaced, .restored: peers[name]?.backoff.paused(at: now)
            default: peers[name]?.backoff.failed(at: now, using: &random)
            }
        }
    }
}
