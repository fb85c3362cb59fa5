package import Bytes
import Files
package import Wire

/// The rules of a client: when to connect, what to send again, in which order to show what arrives. A value without
/// socket, clock, chance or keys: inputs go in, actions come out, and the driver performs them in order.
/// `Docs/protocol/client.md` is what it speaks.
package struct ClientMachine: Sendable {
    enum Phase: Equatable {
        /// Waiting for `reconnectAt`.
        case offline
        /// `connect` has been asked for.
        case opening
        case login(LoginStep)
        case online
        /// `disconnect` has been asked for.
        case closing
        /// Nothing more is said to the node; what its user gave is put on disk before `end` is told.
        case ending(ClientEnd)
        case ended
    }

    enum LoginStep: Equatable {
        case hello(nonce: [UInt8])
        case verifying(IdentityKey)
        case beginning
        case challenge
        case answering
        case welcome
        case checking(Welcome)
    }

    /// Whether the node has this device's key, on the present connection.
    enum Publication: Equatable {
        case wanted, asked, done
        /// For a reason that time does not heal.
        case refused
    }

    package let address: Address
    let device: DeviceKey
    let hasPassword: Bool
    let tlsUse: TLSUse

    var phase = Phase.offline
    var now = Instant(nanoseconds: 0)
    var actions: [ClientAction] = []

    // Connection.swift
    var serverPin: IdentityKey?
    var hasSeenTLS = false
    /// Of the node.
    var store = MetStore()
    /// Nobody spoke TLS there, and nobody had to.
    var isWithoutTLS = false
    /// Of the present connection.
    var channel = ClientChannel.plaintext
    /// The key of the node being logged in to; pinned once the login has succeeded.
    var pinCandidate: IdentityKey?
    var token: ResumeToken?
    /// The last login tried was by token.
    var usesToken = false
    /// A token was refused in this process; the password is asked for until a login succeeds.
    var isTokenRefused = false
    var hasBeenOnline = false
    var delay = ReconnectDelay()
    var reconnectAt: Instant?
    var wantedDelay: Duration?
    /// What came while the node's proof is being checked, to be believed once it is good.
    var heldLines: [NodeLine] = []
    var lastHeard = Instant(nanoseconds: 0)
    var hasPinged = false

    // Sending.swift
    var outgoing = Outgoing()
    var publication = Publication.wanted

    // States.swift
    var undelivered = Undelivered()
    /// The node has said, on this connection, of everything that it accepted whether it still has it: new messages do not
    /// overtake those that it has not.
    var areStatesKnown = false

    // KeyWork.swift
    var ring = KeyRing()
    /// Addresses whose keys are to be asked for, for another reason than a waiting message.
    var keysWanted: Set<Address> = []
    /// Addresses whose keys have been asked for or are being checked, with how many were offered.
    var keysUnderWay: [Address: Int] = [:]
    /// When the keys of an address were last answered on this connection.
    var keysAnsweredAt: [Address: Instant] = [:]

    // Receiving.swift
    var readings: [Conversation: Reading] = [:]
    /// Gaps of earlier runs, to be told once.
    var gapsKnown: [Conversation: [ClosedRange<Int64>]] = [:]
    /// Conversations with a hole to fill, next first.
    var fillsWanted: [Conversation] = []
    /// Those whose page could not be had; wanted again at `retryAt`.
    var fillsStalled: [Conversation] = []
    var openings: [Int64: Opening] = [:]
    var lastOpening: Int64 = 0

    // FileWork.swift
    var transfers: Transfers
    /// Commands that wait until their file is on record, or has a place.
    var fileTokens: [MessageID: CommandToken] = [:]

    // Questions.swift
    var questions: [CommandToken: Question] = [:]
    /// What each question on the wire is for.
    var asked: [Int64: Purpose] = [:]
    var lastRef: Int64 = 0
    /// Who is not offline, as last told.
    var people: [Address: Person] = [:]
    /// Servers that cannot be reached, as last told.
    var unreachable: Set<ServerName> = []
    /// Who has been named since each `who` under way.
    var rolls: [Int64: Set<Address>] = [:]
    /// Tried again at this time: keys and pages that could not be had.
    var retryAt: Instant?

    /// `address` is who logs in, `device` this profile's own key, signed. `hasPassword` says that the first login is by
    /// password even where a token is stored.
    package init(address: Address, device: DeviceKey, hasPassword: Bool, tlsUse: TLSUse = .whereOffered) {
        self.address = address
        self.device = device
        self.hasPassword = hasPassword
        self.tlsUse = tlsUse
        transfers = Transfers(address: address)
    }

    /// True if nothing is under way: every message accepted, every question answered, no file moving.
    package var isIdle: Bool { outgoing.isEmpty && questions.isEmpty && transfers.isIdle && fileTokens.isEmpty }
    /// Messages that the node has not accepted, those that will offer a file among them.
    package var pendingCount: Int { outgoing.items.count + transfers.unsentCount }
    /// True if every message, and every file that a command named, is on disk, so that it survives the end of the program.
    package var isKept: Bool { outgoing.isOnDisk && transfers.isKept }
    package var isOnline: Bool { phase == .online }

    /// `generator` is used for the jitter of reconnecting only.
    package mutating func handle(
        _ input: ClientInput, at now: Instant, using generator: inout some RandomNumberGenerator
    ) -> [ClientAction] {
        guard phase != .ended else { return [] }
        self.now = now
        defer { actions = [] }
        if case .ending(let end) = phase {
            if input.isWorkOfThisMachine { take(input, using: &generator) }
            endIfKept(end)
            return actions
        }
        take(input, using: &generator)
        if case .ending(let end) = phase { endIfKept(end) } else { ticked() }
        return actions
    }

    private mutating func take(_ input: ClientInput, using generator: inout some RandomNumberGenerator) {
        switch input {
        case .started(let stored): start(stored)
        case .opened(let nonce, let channel): opened(nonce: nonce, over: channel)
        case .notTLS: notTLS(jitter: .random(in: 0..<1, using: &generator))
        case .line(let line): received(line)
        case .unreadable(let refusal): unreadable(refusal)
        case .closed(let reason): closed(reason, jitter: .random(in: 0..<1, using: &generator))
        case .unresolved(let reason): unresolved(reason, jitter: .random(in: 0..<1, using: &generator))
        case .tick: break
        case .command(let command, let token): perform(command, token)
        case .helloVerified(let isGenuine): helloVerified(isGenuine)
        case .scramDone(let text): scramDone(text)
        case .scramFailed(let failure): scramFailed(failure)
        case .saved(let id): saved(id)
        case .saveFailed(let id, let reason): saveFailed(id, reason: reason)
        case .recalled(let id, let record): recalled(id, record)
        case .sealed(let id, let sealed): self.sealed(id, sealed)
        case .unsealed(let opening, let content): unsealed(opening, content)
        case .keysVerified(let address, let keys): keysVerified(keys, of: address)
        case .file(let report): follow { $0.report(report, at: $1) }
        case .fileSaved(let id): follow { $0.saved(id, at: $1) }
        case .fileSaveFailed(let id, let reason): follow { $0.saveFailed(id, reason, at: $1) }
        }
    }

    private mutating func endIfKept(_ end: ClientEnd) {
        guard isKept else { return }
        phase = .ended
        actions.append(.end(end))
    }

    private mutating func start(_ stored: StoredState) {
        serverPin = stored.serverPin
        hasSeenTLS = stored.hasSeenTLS
        store = stored.nodeStore
        token = stored.token
        var pins = stored.pins
        // Our own account is trusted without being shown it; whatever else the node lists for us is noted as added.
        if pins[address, default: []].isEmpty { pins[address] = [device.account] }
        ring = KeyRing(devices: stored.keys, pins: pins)
        outgoing = Outgoing(stored.pending, lastPlace: stored.accepted.map(\.place).max() ?? 0)
        undelivered = Undelivered(stored.accepted)
        gapsKnown = stored.gaps
        startFiles(stored)
        for id in stored.damagedPending {
            actions.append(.removePending(id))
            let refusal = Refusal(.damaged, "the record of the message is damaged")
            emit(.state(id, .failed(refusal), answering: nil))
            follow { $0.offerFailed(id, refusal, at: $1) }
        }
        readings = stored.cursors.mapValues { Reading(cursor: max(0, $0)) }
        reconnectAt = now
    }

    mutating func emit(_ event: ClientEvent) { actions.append(.emit(event)) }

    // MARK: Time

    /// Does what is due and says when to wake next.
    private mutating func ticked() {
        connectIfDue()
        probeIfSilent()
        expireQuestions()
        if let at = retryAt, at <= now, phase == .online {
            retryAt = nil
            fillsWanted += fillsStalled
            fillsStalled = []
            undelivered.resume()
            outgoing.release()
            workOn()
        }
        if let at = transfers.wakeAt, at <= now { follow { $0.tick(at: $1) } }
        let deadlines = [
            reconnectAt, silenceDeadline, questions.values.map(\.deadline).min(), dueRetry, transfers.wakeAt,
        ]
        if let next = deadlines.compactMap({ $0 }).min() { actions.append(.wake(at: next)) }
    }

    private var dueRetry: Instant? { phase == .online ? retryAt : nil }

    /// Starts whatever can be started now: keys, sealing, sending, filling holes, asking for states.
    mutating func workOn() {
        guard phase == .online else { return sealWaiting() }
        publish()
        askForKeys()
        sealWaiting()
        sendDue()
        fillHoles()
        askStates()
    }

    mutating func retryLater(in duration: Duration = ClientMachine.retryDuration) {
        let at = now.advanced(by: duration)
        retryAt = min(retryAt ?? at, at)
    }

    /// A node whose store or link was busy gets a pause before the same question.
    package static let retryDuration: Duration = .seconds(15)
    /// Keys asked for this recently are not asked for again because of one more unreadable message.
    static let keysAgeMin: Duration = .seconds(5)
}
