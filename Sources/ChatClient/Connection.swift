import Bytes
import Files
import Wire

/// Connecting, logging in, noticing silence.
extension ClientMachine {
    mutating func connectIfDue() {
        guard phase == .offline, let at = reconnectAt, at <= now else { return }
        reconnectAt = nil
        phase = .opening
        actions.append(.connect(usesTLS: tlsUse != .never && !isWithoutTLS))
    }

    mutating func opened(nonce: [UInt8], over channel: ClientChannel) {
        guard phase == .opening else { return }
        self.channel = channel
        heard()
        phase = .login(.hello(nonce: nonce))
        actions.append(.send(.hello(version: ClientMachine.version, server: address.server, nonce: nonce)))
    }

    mutating func received(_ line: NodeLine) {
        switch phase {
        case .login(let step):
            heard()
            receivedInLogin(line, step)
        case .online:
            heard()
            receivedOnline(line)
        case .offline, .opening, .closing, .ending, .ended: break
        }
    }

    private mutating func heard() {
        lastHeard = now
        hasPinged = false
    }

    // MARK: Login

    private mutating func receivedInLogin(_ line: NodeLine, _ step: LoginStep) {
        switch (line, step) {
        case (.refused(let refusal, _, _), _): refusedInLogin(refusal)
        case (.closing(let refusal, let retrySeconds), _):
            wantedDelay = retrySeconds.map { .seconds($0) }
            refusedInLogin(refusal)
        case (.hello(let version, let server, let key, let signature, let rotations), .hello(let nonce)):
            guard version == ClientMachine.version, server == address.server else {
                return fault("the node answered as version \(version) of \(server)")
            }
            guard let path = path(to: key, by: rotations) else {
                return end(
                    .protocolFault(
                        "\(server) shows \(key), not the key that was pinned when this profile first logged in. "
                            + "Somebody may be between you and the node; ask its owner"))
            }
            phase = .login(.verifying(key))
            let transcript = ClientHello.transcript(server: server, nonce: nonce, exporter: channel.exporter)
            let own = KeyRotation.Check(key: key, transcript: transcript, signature: signature)
            actions.append(.verifyHello([own] + path.flatMap { $0.checks(for: server) }))
        case (.challenge(let data), .challenge):
            phase = .login(.answering)
            actions.append(.scram(.answer(challenge: data)))
        case (.welcome(let welcome), .welcome):
            guard welcome.address == address else { return fault("the node welcomed \(welcome.address)") }
            phase = .login(.checking(welcome))
            actions.append(.scram(.check(welcome.data)))
        case (_, .checking) where heldLines.count < ClientMachine.heldLinesMax: heldLines.append(line)
        default: fault("the node sent \"\(line.tag)\" in the middle of the login")
        }
    }

    /// The statements that lead from the pinned key to the one shown; none if that is the pinned one or the first. nil if
    /// nothing leads there.
    private func path(to key: IdentityKey, by rotations: [KeyRotation]) -> [KeyRotation]? {
        guard let serverPin, serverPin != key else { return [] }
        return rotations.path(from: serverPin, to: key)
    }

    mutating func helloVerified(_ isGenuine: Bool) {
        guard case .login(.verifying(let key)) = phase else { return }
        guard isGenuine else {
            let isRotated = serverPin != nil && serverPin != key
            return fault(
                isRotated
                    ? "the signatures that lead to the node's new key are wrong" : "the node's signature is wrong")
        }
        // Pinned once the login has succeeded, with everything else that a first login brings.
        pinCandidate = key
        phase = .login(.beginning)
        let prefersPassword = hasPassword && (!hasBeenOnline || isTokenRefused)
        usesToken = token != nil && !prefersPassword && !isTokenRefused
        guard usesToken || hasPassword else {
            return end(.loginRefused("a password is needed: the stored login is not valid any more"))
        }
        actions.append(.scram(.begin(token: usesToken ? token : nil, binding)))
    }

    private var binding: LoginBinding {
        switch channel {
        case .tls(let exporter): .exporter(exporter)
        case .plaintext: isWithoutTLS ? .notOffered : .none
        }
    }

    /// A server that never spoke TLS may do without, unless its user says otherwise; what the login then says of it tells
    /// a server that does speak it that somebody took it out.
    mutating func notTLS(jitter: Double) {
        guard phase == .opening else { return }
        guard tlsUse == .whereOffered, !hasSeenTLS else {
            let before = hasSeenTLS ? ", and did before" : ""
            let text = "\(address.server) does not speak TLS\(before); somebody may be between you and the node"
            return hasBeenOnline ? closed(text, jitter: jitter) : end(.protocolFault(text))
        }
        isWithoutTLS = true
        phase = .offline
        reconnectAt = now
        let text = "\(address.server) does not speak TLS: whoever is on the way can read what is not sealed"
        emit(.error(code: ClientFault.withoutTLS.rawValue, text: text, answering: nil))
    }

    mutating func scramDone(_ text: String) {
        switch phase {
        case .login(.beginning):
            let method = usesToken ? token.map { LoginMethod.token($0.id) } ?? .password : .password
            phase = .login(.challenge)
            actions.append(.send(.login(user: address.user, method: method, data: text)))
        case .login(.answering):
            phase = .login(.welcome)
            actions.append(.send(.response(data: text, met: store.runs)))
        case .login(.checking(let welcome)): welcomed(welcome)
        default: break
        }
    }

    mutating func scramFailed(_ failure: ScramFailure) {
        guard case .login = phase else { return }
        switch failure {
        case .passwordRefused:
            end(.loginRefused("the password is empty, longer than 1,024 bytes or holds control characters"))
        case .nodeRefused: fault("the node did not prove that it knows the password", .nodeUnproven)
        }
    }

    private mutating func refusedInLogin(_ refusal: Refusal) {
        switch refusal.code {
        case .loginRefused where usesToken && hasPassword:
            isTokenRefused = true
            disconnect(refusal.text)
        case .loginRefused where usesToken:
            // The next run asks for the password; with the token kept it never would.
            actions.append(.saveToken(nil))
            end(.loginRefused("the stored login is not valid any more; the next start asks for the password"))
        case .loginRefused where !hasBeenOnline, .needsTLS where !hasBeenOnline: end(.loginRefused(refusal.text))
        case .unknownHost where !hasBeenOnline: end(.unknownHost(refusal.text))
        case .protocolVersion where !hasBeenOnline, .notPostroad where !hasBeenOnline:
            end(.protocolFault(refusal.text))
        default:
            // Only a person can change what such a refusal is about; there is no hurry.
            if [.loginRefused, .unknownHost, .protocolVersion].contains(refusal.code) { delay.slowDown() }
            emit(.error(refusal))
            disconnect(refusal.text)
        }
    }

    private mutating func welcomed(_ welcome: Welcome) {
        phase = .online
        if let key = pinCandidate, serverPin != key { take(key) }
        if channel != .plaintext, !hasSeenTLS {
            hasSeenTLS = true
            actions.append(.saveServerTLS)
        }
        token = welcome.token
        isTokenRefused = false
        actions.append(.saveToken(welcome.token))
        hasBeenOnline = true
        delay.reset()
        emit(.connected(address))
        tellKnownGaps()
        publish()
        askWho(nil)
        meetStore(welcome)
        readHeads(welcome.heads)
        sendQuestions()
        undelivered.wantAll()
        workOn()
        follow { $0.connected(fileBytesMax: welcome.fileBytesMax, at: $1) }
        let held = heldLines
        heldLines = []
        for line in held { received(line) }
    }

    /// The check takes milliseconds.
    private static let heldLinesMax = 1000

    private mutating func take(_ key: IdentityKey) {
        if let old = serverPin {
            let text = "\(address.server) has a new key, \(key), which the known one, \(old), signed for"
            emit(.error(code: ClientFault.serverKeyRotated.rawValue, text: text, answering: nil))
        }
        serverPin = key
        actions.append(.saveServerPin(key))
    }

    // MARK: The end of a connection

    mutating func closing(_ refusal: Refusal, _ retrySeconds: Int64?) {
        wantedDelay = retrySeconds.map { .seconds($0) }
        disconnect(refusal.text)
    }

    mutating func unreadable(_ refusal: Refusal) {
        switch phase {
        case .login: fault("the node's line cannot be read: \(refusal.text)")
        case .online:
            emit(.error(refusal))
            disconnect("the node's line cannot be read")
        case .offline, .opening, .closing, .ending, .ended: break
        }
    }

    mutating func disconnect(_ reason: String) {
        phase = .closing
        actions.append(.disconnect(reason: reason))
    }

    /// Before the first welcome a node that breaks the protocol is the wrong node; later it may be a passing illness.
    private mutating func fault(_ text: String, _ code: ClientFault? = nil) {
        guard hasBeenOnline else { return end(.protocolFault(text)) }
        if let code { emit(.error(code: code.rawValue, text: text, answering: nil)) }
        disconnect(text)
    }

    mutating func end(_ end: ClientEnd) {
        phase = .ending(end)
        follow { $0.disconnected(at: $1) }
    }

    /// A wrong name at the start is for a person to mend; later it is the name service that is ill.
    mutating func unresolved(_ reason: String, jitter: Double) {
        hasBeenOnline ? closed(reason, jitter: jitter) : end(.unknownHost(reason))
    }

    mutating func closed(_ reason: String, jitter: Double) {
        guard phase != .offline else { return }
        guard hasBeenOnline else { return end(.unreachable(reason)) }
        phase = .offline
        heldLines = []
        outgoing.forgetSent()
        areStatesKnown = false
        undelivered.giveUp()
        publication = .wanted
        asked = [:]
        rolls = [:]
        keysUnderWay = [:]
        keysAnsweredAt = [:]
        dropReadings()
        follow { $0.disconnected(at: $1) }
        for token in questions.keys { questions[token]?.restart() }
        let wait = delay.next(jitter: jitter, wanted: wantedDelay)
        wantedDelay = nil
        reconnectAt = now.advanced(by: wait)
        emit(.disconnected(reason: reason, retryIn: wait))
    }

    // MARK: Silence

    var silenceDeadline: Instant? {
        switch phase {
        case .online:
            lastHeard.advanced(by: hasPinged ? ClientMachine.silenceMax : ClientMachine.silenceBeforePing)
        case .login: lastHeard.advanced(by: ClientMachine.silenceMax)
        case .offline, .opening, .closing, .ending, .ended: nil
        }
    }

    mutating func probeIfSilent() {
        guard let deadline = silenceDeadline, deadline <= now else { return }
        guard phase == .online, !hasPinged else {
            return disconnect("nothing was heard for \(ClientMachine.silenceMax.components.seconds) seconds")
        }
        hasPinged = true
        ask(.ping)
    }

    static let version: Int64 = 1
    /// Then the node is asked whether it is still there…
    static let silenceBeforePing: Duration = .seconds(10)
    /// …and given up. P7 leaves 30 seconds in all.
    static let silenceMax: Duration = .seconds(20)
}
