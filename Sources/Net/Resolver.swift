import CLinux
import Glibc

/// Finds the addresses of names without making the loop wait. Lives on its loop.
package final class Resolver {
    package typealias Answer = Result<[SocketAddress], NetError>

    private struct Reply: Sendable {
        let question: UInt64
        let answer: Answer
    }

    /// Who waits for what; on the loop, while the lookup is on a worker.
    private final class Waiting {
        var completions: [UInt64: (Answer) -> Void] = [:]
        var lastQuestion: UInt64 = 0
    }

    private let loop: EventLoop
    private let pool: WorkerPool
    private let inbox: Inbox<Reply>
    private let waiting: Waiting

    /// `lookupsMax` bounds the names that wait: a lookup can take half a minute and cannot be broken off.
    package init(loop: EventLoop, threads: Int = 2, lookupsMax: Int = 64) throws(NetError) {
        self.loop = loop
        pool = try WorkerPool(name: "resolver", threads: threads, jobsMax: lookupsMax)
        let waiting = Waiting()
        self.waiting = waiting
        inbox = loop.makeInbox { replies in
            for reply in replies { waiting.completions.removeValue(forKey: reply.question)?(reply.answer) }
        }
    }

    /// `completion` is called once, later on this loop and never from inside this call: with at least one address in
    /// the order to try them, or with the reason why there is none. It is not called if the loop ends before.
    package func resolve(_ target: HostPort, _ completion: @escaping (Answer) -> Void) {
        if let address = SocketAddress(host: target.host, port: target.port) {
            return loop.afterThisTurn { completion(.success([address])) }
        }
        waiting.lastQuestion += 1
        let question = waiting.lastQuestion
        let isTaken = pool.submit(answeringTo: inbox) {
            Reply(question: question, answer: Resolver.lookUp(target))
        }
        if isTaken {
            waiting.completions[question] = completion
        } else {
            loop.afterThisTurn { completion(.failure(.queueFull)) }
        }
    }

    /// Blocks, so only on a worker.
    private static func lookUp(_ target: HostPort) -> Answer {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(target.host, nil, &hints, &list)
        defer {
            if let list { freeaddrinfo(list) }
        }
        guard failure == 0 else {
            let reason = failure == EAI_SYSTEM ? NetError.text(ofErrno: errno) : String(cString: gai_strerror(failure))
            return .failure(.unresolved(host: target.host, reason: reason))
        }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee, addresses.count < addressesMax {
            if let address = address(of: info)?.with(port: target.port), !addresses.contains(address) {
                addresses.append(address)
            }
            entry = info.ai_next
        }
        guard !addresses.isEmpty else {
            return .failure(.unresolved(host: target.host, reason: "no usable address"))
        }
        return .success(addresses)
    }

    private static func address(of info: addrinfo) -> SocketAddress? {
        guard let source = info.ai_addr else { return nil }
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { bytes in
            let length = min(Int(info.ai_addrlen), bytes.count)
            bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
        }
        return SocketAddress(storage)
    }

    /// Trying more would outlast every connect timeout.
    private static let addressesMax = 8
}
