/// The answer to anything that is not done: a word for programs and a sentence for people that says what to do next.
package struct Refusal: Error, Hashable, Sendable {
    package enum Code: String, Hashable, Sendable, CaseIterable {
        // The line or message cannot be read.
        case malformedJSON = "malformed-json"
        case duplicateMember = "duplicate-member"
        case tooDeep = "too-deep"
        case tooLong = "too-long"
        case unknownTag = "unknown-tag"
        case missingMember = "missing-member"
        case wrongType = "wrong-type"
        case badValue = "bad-value"
        case badAddress = "bad-address"
        case badID = "bad-id"
        // Who you are.
        case notPostroad = "not-postroad"
        case unknownHost = "unknown-host"
        case protocolVersion = "protocol-version"
        case loginFirst = "login-first"
        case alreadyLoggedIn = "already-logged-in"
        case loginRefused = "login-refused"
        case badKey = "bad-key"
        // What you ask.
        case forgedFrom = "forged-from"
        case notSealed = "not-sealed"
        case unknownUser = "unknown-user"
        case unknownServer = "unknown-server"
        case needsTLS = "needs-tls"
        case idReused = "id-reused"
        case tooManyDevices = "too-many-devices"
        case outboxFull = "outbox-full"
        case noFile = "no-file"
        case fileTooLarge = "file-too-large"
        case spoolFull = "spool-full"
        case busy
        case damaged
        case storeFailed = "store-failed"
        // Links.
        case proofFailed = "proof-failed"
        case notYourName = "not-your-name"
        case unpinned
        case keyChanged = "key-changed"
        case badRotation = "bad-rotation"
        case paused
        case sequenceGap = "sequence-gap"
        case notForUs = "not-for-us"
        case outOfOrder = "out-of-order"
        case tooManyPeople = "too-many-people"
        // The end of a connection.
        case timedOut = "timed-out"
        case slowConsumer = "slow-consumer"
        case draining
        case replaced
        case restored
        // Why a server cannot be reached. Never sent: they are for whoever looks after a node.
        case noAddress = "no-address"
        case nameUnknown = "name-unknown"
        case connectionRefused = "connection-refused"
        case unreachable
        case notTLS = "not-tls"
        case tlsFailed = "tls-failed"
        case notWebSocket = "not-websocket"
        case linkLost = "link-lost"
        case noTest = "no-test"
        case clockOff = "clock-off"
        // What an administrator is not granted.
        case notTheOwner = "not-the-owner"
        case inSetup = "in-setup"
        case notAdded = "not-added"
        case notEmpty = "not-empty"
        case notOffered = "not-offered"
        case notConfirmed = "not-confirmed"
        case tooManyServers = "too-many-servers"
    }

    package let code: Code
    /// One sentence without control characters: what is wrong, which limit, what to do.
    package let text: String

    package init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }
}
