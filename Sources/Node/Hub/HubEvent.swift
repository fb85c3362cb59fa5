package import Bytes
package import Federation
package import Store
package import Wire

/// One authenticated connection of a user. The driver numbers them and never uses a number twice.
package struct SessionID: Hashable, Comparable, Sendable {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: SessionID, right: SessionID) -> Bool { left.value < right.value }
}

/// A login that proved its password or token; what is left to do before its welcome.
package struct Login: Sendable {
    package let user: UserName
    /// The node's half of the proof, for the welcome.
    package let data: String
    /// A new token for the next login, and the verifier under which the store keeps it.
    package let token: ResumeToken
    package let tokenVerifier: String
    /// The token that this login used, if it was one.
    package let used: [UInt8]?
    /// Which runs of the store the client has met, the last one first.
    package let met: [MetRun]

    package init(
        user: UserName, data: String, token: ResumeToken, tokenVerifier: String, used: [UInt8]?, met: [MetRun] = []
    ) {
        self.user = user
        self.data = data
        self.token = token
        self.tokenVerifier = tokenVerifier
        self.used = used
        self.met = met
    }
}

/// What happens to the hub. Times are arguments of `Hub.handle`.
package enum HubEvent: Sendable {
    case started
    case joined(SessionID, Login)
    /// Device keys in `publish` have been checked by the driver.
    case said(SessionID, ClientLine)
    case left(SessionID)
    /// Answers of the store, in the order of the questions.
    case stored([(tag: UInt64, reply: NodeReply)])
    /// Answers of the spool, in the order of the questions.
    case spooled([(tag: UInt64, reply: SpoolReply)])
    case mesh(MeshEvent)
    /// The setup file's accounts are in the store.
    case accounts([UserName])
    /// An administrator wants something; answered by `answer`, or by `probe` and what the driver finds.
    case administer(AdminID, AdminCommand)
    /// A time asked for by `wake` has come.
    case rang
    /// The node is to stop: everybody is told when to come back.
    case drain(retrySeconds: Int64)
}

/// What the driver is to do, in order.
package enum HubAction: Sendable {
    case send([SessionID], NodeLine)
    /// The line is the connection's last.
    case close(SessionID, NodeLine)
    /// Take no more lines from this session until `resume`: it has enough under way.
    case pause(SessionID)
    case resume(SessionID)
    case store(tag: UInt64, NodeRequest)
    case spool(tag: UInt64, SpoolRequest)
    /// Dialling, sending, signing and the like; never one that the hub performs itself.
    case mesh(MeshAction)
    /// The whole answer to an administrator, with its last line.
    case answer(AdminID, [AdminLine])
    /// Walk the way to a server and answer with each step.
    case probe(AdminID, ProbeTarget)
    /// Make a new key for this server; tell the mesh `rekeyed`, and answer.
    case rotateKey(AdminID)
    /// Tell `rang` then. Each one counts: hub and mesh ask apart, and neither asks again for what it has asked.
    case wake(at: Instant)
}
