import Bytes
import Wire

/// Questions for the device keys of people, both ways.
extension Peer {
    mutating func askKeys(_ user: UserName, token: UInt64, at now: Instant) -> MeshAction {
        guard link?.feed != nil, let id = link?.id else { return lastKnown(user, token, Peer.notLinked) }
        guard link?.keys.ask(user, token: token, at: now) ?? false, let request = link?.keys.next(at: now) else {
            return lastKnown(user, token, Refusal(.busy, "too many questions for keys wait for their answer"))
        }
        return .send(id, .keysWanted(ref: request.ref, user: user))
    }

    mutating func keysWanted(_ ref: Int64, _ user: UserName) throws(Refusal) -> [MeshAction] {
        guard let id = link?.id else { return [] }
        guard try link?.keys.wants(ref) ?? false else {
            let countMax = Requests<UserName>.Limits.keys.countMax
            let refusal = Refusal(.busy, "at most \(countMax) questions may wait for their answer")
            return [.send(id, .keys(ref: ref, user: user, devices: [], refusal: refusal))]
        }
        return [.findKeys(id, ref: ref, user)]
    }

    mutating func keys(
        _ ref: Int64, _ user: UserName, _ devices: [DeviceKey], _ refusal: Refusal?
    ) throws(Refusal) -> [MeshAction] {
        guard devices.count <= DeviceKey.devicesPerAccountMax else {
            throw Refusal(.tooManyDevices, "a person has at most \(DeviceKey.devicesPerAccountMax) devices")
        }
        guard let request = try link?.keys.answered(ref, fits: { $0 == user }) else {
            return [.note(.ignored(name, .timedOut))]
        }
        let address = Address(user: user, server: name)
        return [.keysFound(token: request.token, address, devices, refusal)]
    }

    /// What presence told of somebody's keys is better than nothing.
    func lastKnown(_ user: UserName, _ token: UInt64, _ refusal: Refusal) -> MeshAction {
        let keys = presence.keys(of: user)
        let address = Address(user: user, server: name)
        return .keysFound(token: token, address, keys, keys.isEmpty ? refusal : nil)
    }
}
