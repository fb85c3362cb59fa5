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
