import Wire

/// Whose device keys are known, and which account keys are trusted to name devices. What is first seen is trusted and
/// noted; a change that leaves nothing of what was trusted stops sending until the person decides (D12).
struct KeyRing: Sendable {
    enum Lookup: Equatable {
        case unknown
        /// The account exists and has no device.
        case noDevices
        /// None of the trusted account keys remains.
        case changed
        /// Never empty.
        case usable([DeviceKey])
    }

    /// What `learn` found: each device with what is new about its account.
    struct Finding: Equatable {
        let device: DeviceKey
        let change: KeyChange
    }

    private(set) var devices: [Address: [DeviceKey]] = [:]
    private(set) var pins: [Address: [IdentityKey]] = [:]

    init() {}

    init(devices: [Address: [DeviceKey]], pins: [Address: [IdentityKey]]) {
        self.devices = devices
        self.pins = pins
    }

    func lookup(_ address: Address) -> Lookup {
        guard let known = devices[address] else { return .unknown }
        guard !known.isEmpty else { return .noDevices }
        let usable = known.filter { pins[address, default: []].contains($0.account) }
        return usable.isEmpty ? .changed : .usable(usable)
    }

    /// The key of one device of `address`, if its account is trusted.
    func device(_ fingerprint: Fingerprint, of address: Address) -> DeviceKey? {
        guard case .usable(let usable) = lookup(address) else { return nil }
        return usable.first { $0.fingerprint == fingerprint }
    }

    /// Takes the checked keys of an address in place of those known. Returns what deserves a note.
    mutating func learn(_ keys: [DeviceKey], of address: Address) -> [Finding] {
        let trusted = pins[address, default: []]
        let isNews = devices[address] != keys
        devices[address] = keys
        let strangers = keys.filter { !trusted.contains($0.account) }
        guard !strangers.isEmpty else { return [] }
        guard !trusted.isEmpty else {
            trust(address)
            return strangers.map { Finding(device: $0, change: .first) }
        }
        guard strangers.count < keys.count else {
            return isNews ? strangers.map { Finding(device: $0, change: .replaced) } : []
        }
        // A trusted account vouches for nobody else, but a second machine has an account key of its own; the person
        // sees each one that comes.
        var known = trusted
        for key in strangers where !known.contains(key.account) { known.append(key.account) }
        pins[address] = known
        return strangers.map { Finding(device: $0, change: .added) }
    }

    /// Trusts the accounts that the address shows now, and no others.
    mutating func trust(_ address: Address) {
        var accounts: [IdentityKey] = []
        for key in devices[address, default: []] where !accounts.contains(key.account) { accounts.append(key.account) }
        if !accounts.isEmpty { pins[address] = accounts }
    }
}
