import Bytes
import Crypto
import Net
import Wire

/// The cryptography of a client. What takes milliseconds runs on a thread of its own, in order; the answers arrive on
/// the loop as inputs for the machine.
final class ClientWorker {
    private struct Answer: Sendable {
        /// The connection that it is for; nil where that does not matter.
        let attempt: Int?
        let input: ClientInput
        var scram: ScramClient?
    }

    /// Set before the first action.
    var receive: (Int?, ClientInput) -> Void = { _, _ in }
    private let loop: EventLoop
    private let pool: WorkerPool
    private var inbox: Inbox<Answer>?
    private let device: RSAPrivateKey
    private let address: Address
    private let password: Secret?
    private var scram: ScramClient?

    init(loop: EventLoop, profile: Profile, password: Secret?) throws(NetError) {
        self.loop = loop
        device = profile.deviceKey
        address = profile.address
        self.password = password
        pool = try WorkerPool(name: "client-crypto", threads: 1, jobsMax: ClientWorker.jobsMax)
        inbox = loop.makeInbox { [weak self] (answers: [Answer]) in
            for answer in answers { self?.came(answer) }
        }
    }

    private func came(_ answer: Answer) {
        if let scram = answer.scram { self.scram = scram }
        receive(answer.attempt, answer.input)
    }

    func perform(_ action: ClientAction, attempt: Int) {
        let (device, address) = (device, address)
        switch action {
        case .verifyHello(let checks):
            run {
                let isGenuine = checks.allSatisfy { verify($0.signature, by: $0.key, of: $0.transcript) }
                return Answer(attempt: attempt, input: .helloVerified(isGenuine))
            }
        case .scram(let step): perform(step, attempt: attempt)
        case .verifyKeys(let owner, let keys):
            run {
                let genuine = keys.filter { Sealing.isGenuine($0, of: owner) }
                return Answer(attempt: attempt, input: .keysVerified(of: owner, genuine))
            }
        case .seal(let id, let to, let content, let at, let keys):
            run {
                let sealed = try? Sealing.seal(
                    content, id: id, from: address, to: to, at: at, with: device, for: keys)
                return Answer(attempt: nil, input: .sealed(id, sealed))
            }
        case .open(let opening, let envelope, let key):
            run {
                let content = try? Sealing.open(envelope, from: key, with: device)
                return Answer(attempt: nil, input: .unsealed(opening: opening, content))
            }
        default: break
        }
    }

    // MARK: SCRAM

    private func perform(_ step: ScramStep, attempt: Int) {
        switch step {
        case .begin(let token, let binding): begin(token, binding, attempt: attempt)
        case .answer(let challenge):
            guard let scram else { return }
            run {
                var scram = scram
                let input = ClientWorker.input { () throws(ScramFault) in try scram.answer(challenge) }
                return Answer(attempt: attempt, input: input, scram: scram)
            }
        case .check(let data):
            guard let scram else { return }
            run {
                var scram = scram
                let input = ClientWorker.input { () throws(ScramFault) in
                    try scram.check(data)
                    return ""
                }
                return Answer(attempt: attempt, input: input, scram: scram)
            }
        }
    }

    private func begin(_ token: ResumeToken?, _ binding: LoginBinding, attempt: Int) {
        let secret = token.map { Secret(text: Base64.encode($0.secret)) } ?? password
        let user = address.user.text
        let iterationsMin = token == nil ? ScramClient.iterationsMinForPasswords : 1
        run {
            var made: ScramClient?
            let input = ClientWorker.input { () throws(ScramFault) in
                guard let secret else { throw .passwordRefused }
                let scram = try ScramClient(
                    user: user, password: secret, nonce: try ScramNonce.random(), binding: ScramBinding(binding),
                    iterationsMin: iterationsMin)
                made = scram
                return scram.first
            }
            return Answer(attempt: attempt, input: input, scram: made)
        }
    }

    private static func input(of step: () throws(ScramFault) -> String) -> ClientInput {
        do {
            return .scramDone(try step())
        } catch .passwordRefused {
            return .scramFailed(.passwordRefused)
        } catch {
            return .scramFailed(.nodeRefused)
        }
    }

    // MARK: The thread

    /// With the queue full the loop does the work itself, which holds back whoever asks for so much.
    private func run(_ work: @escaping @Sendable () -> Answer) {
        guard let inbox else { return }
        if !pool.submit(answeringTo: inbox, work) { inbox.post(work()) }
    }

    private static let jobsMax = 4096
}

private func verify(_ signature: [UInt8], by key: IdentityKey, of transcript: [UInt8]) -> Bool {
    (try? Ed25519PublicKey(bytes: key.bytes))?.verify(signature, of: transcript) ?? false
}

extension ScramBinding {
    fileprivate init(_ binding: LoginBinding) {
        self =
            switch binding {
            case .none: .none
            case .notOffered: .notOffered
            case .exporter(let bytes): .exporter(bytes)
            }
    }
}
