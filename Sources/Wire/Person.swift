/// What others see of somebody: where they are, whether they can be reached, and by which keys.
package struct Person: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable {
        case online, offline
        /// Their server cannot be reached, so nobody knows.
        case unknown
    }

    package let address: Address
    package let status: Status
    /// Their devices, the first registered one first; at most `DeviceKey.devicesPerAccountMax`.
    package let devices: [Fingerprint]

    package init(address: Address, status: Status, devices: [Fingerprint]) {
        self.address = address
        self.status = status
        self.devices = devices
    }
}

extension Person {
    /// As one line to a client has them, or one after the other where there are too many for one: by number, and by what
    /// they take when everybody has the longest name and all the devices there can be.
    package static func lines(_ people: [Person]) -> [[Person]] {
        var lines: [[Person]] = []
        var line: [Person] = []
        var byteCount = 0
        for person in people {
            let added = bytesMax + person.devices.count * deviceBytesMax
            if line.count == NodeLine.peopleMax || byteCount + added > NodeLine.bytesMax / 2 {
                lines.append(line)
                (line, byteCount) = ([], 0)
            }
            line.append(person)
            byteCount += added
        }
        return line.isEmpty ? lines : lines + [line]
    }

    /// Two names of 64 bytes and what stands around them, and 64 digits in quotes with a comma.
    private static let bytesMax = 200
    private static let deviceBytesMax = 67
}
