import Bytes
import Files
import Wire

/// Asking for device keys, and what follows from the answers.
extension ClientMachine {
    /// Asks for the keys that somebody waits for.
    mutating func askForKeys() {
        var wanted = keysWanted
        keysWanted = []
        for item in outgoing.waiting {
            guard case .direct(let recipient) = item.to else { continue }
            for address in [recipient, address] {
                switch ring.lookup(address) {
                case .unknown, .noDevices: if !areKeysFresh(of: address) { wanted.insert(address) }
                case .changed, .usable: break
                }
            }
        }
        // Sorted, so that equal inputs give equal actions.
        for address in wanted.sorted() { askKeys(of: address) }
    }

    mutating func askKeys(of address: Address) {
        guard keysUnderWay[address] == nil else { return }
        keysUnderWay[address] = 0
        ask(.keys(address))
    }

    /// They were answered on this connection a moment ago.
    func areKeysFresh(of address: Address) -> Bool {
        guard let answeredAt = keysAnsweredAt[address] else { return false }
        return now.since(answeredAt) < ClientMachine.keysAgeMin
    }

    mutating func keysReceived(_ keys: [DeviceKey], of address: Address) {
        keysUnderWay[address] = keys.count
        actions.append(.verifyKeys(of: address, keys))
    }

    mutating func keysVerified(_ keys: [DeviceKey], of address: Address) {
        guard let offered = keysUnderWay.removeValue(forKey: address) else { return }
        keysAnsweredAt[address] = now
        if keys.count < offered {
            let text = "\(offered - keys.count) of the device keys of \(address) are not what they claim to be"
            emit(.error(code: ClientFault.badDeviceKey.rawValue, text: text, answering: nil))
        }
        let pins = ring.pins[address]
        let known = ring.devices[address]
        var keys = keys
        // The node may not have committed this device yet.
        if address == self.address, !keys.contains(device) { keys.append(device) }
        for finding in ring.learn(keys, of: address) {
            emit(.key(finding.device, of: address, change: finding.change, answering: nil))
        }
        if known != keys { actions.append(.saveKeys(of: address, keys)) }
        savePins(of: address, ifOtherThan: pins)
        resumeOpenings(of: address)
        answerKeysQuestions(of: address, nil)
        workOn()
    }

    mutating func keysRefused(_ refusal: Refusal, of address: Address) {
        keysUnderWay[address] = nil
        keysAnsweredAt[address] = now
        answerKeysQuestions(of: address, refusal)
        switch refusal.code {
        case .unknownUser, .unknownServer, .needsTLS:
            for item in outgoing.waiting where item.to == .direct(address) { fail(item.id, refusal) }
            resumeOpenings(of: address)
        default:
            // Their server may be back in a while, and with it their keys.
            if openings.values.contains(where: { $0.awaits(address) }) { keysWanted.insert(address) }
            retryLater()
            sealWaiting()
        }
    }

    mutating func trust(_ address: Address, _ token: CommandToken) {
        switch ring.lookup(address) {
        case .unknown, .noDevices:
            emit(
                .error(Refusal(.badValue, "no keys of \(address) are known yet; ask for them first"), answering: token))
        case .changed, .usable:
            let pins = ring.pins[address]
            ring.trust(address)
            savePins(of: address, ifOtherThan: pins)
        }
        emit(.done(token))
        workOn()
    }

    private mutating func savePins(of address: Address, ifOtherThan pins: [IdentityKey]?) {
        guard let trusted = ring.pins[address], trusted != pins else { return }
        actions.append(.savePins(of: address, trusted))
    }

    // MARK: Presence

    /// Tells what is new about somebody; to a command that asked, also what is not.
    mutating func note(_ person: Person, answering token: CommandToken?) {
        let known = people[person.address]
        let isChanged =
            (known?.status ?? .offline) != person.status
            || (person.status != .offline && known?.devices.first != person.devices.first)
        if token != nil || isChanged { emit(.person(person, answering: token)) }
        let isBack = isChanged && person.status != .unknown
        if person.status == .offline {
            people[person.address] = nil
        } else if known != nil || people.count < ClientMachine.peopleMax {
            people[person.address] = person
        }
        if isBack { follow { $0.came(person.address.server, at: $1) } }
        guard let devices = ring.devices[person.address], !person.devices.isEmpty,
            Set(devices.map(\.fingerprint)) != Set(person.devices)
        else { return }
        keysWanted.insert(person.address)
    }

    mutating func presence(_ changed: [Person]) {
        for person in changed {
            for ref in rolls.keys { rolls[ref]?.insert(person.address) }
            note(person, answering: nil)
        }
        askForKeys()
    }

    /// Statuses kept to tell changes; beyond, every report counts as one.
    static let peopleMax = 100_000
}
