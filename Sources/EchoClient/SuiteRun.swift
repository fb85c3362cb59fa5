import Net
import WebSocket
import WebSocketTransport

/// Lets the Autobahn test suite test this client: asks it how many cases it has, connects once for each and echoes until
/// the suite closes, and has it write its reports.
final class SuiteRun: EndpointHandler {
    private enum Step {
        case countCases, runCase(Int), updateReports
    }

    private let dialler: Dialler
    private let finish: (String?) -> Void
    private var step = Step.countCases
    private var caseCount: Int?
    private var endpoint: Endpoint?

    /// `finish` is called once, with the reason if the suite could not be run to its end. What the cases found is the
    /// suite's to tell.
    init(_ dialler: Dialler, finish: @escaping (String?) -> Void) {
        self.dialler = dialler
        self.finish = finish
        dial()
    }

    private var path: String {
        switch step {
        case .countCases: "/getCaseCount"
        case .runCase(let number): "/runCase?case=\(number)&agent=postroad"
        case .updateReports: "/updateReports?agent=postroad"
        }
    }

    private func dial() {
        dialler.dial(path) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let endpoint):
                self.endpoint = endpoint
                endpoint.handler = self
            case .failure(let error): finish("\(error)")
            }
        }
    }

    func endpoint(_ endpoint: Endpoint, received message: Message) {
        switch (step, message) {
        case (.countCases, .text(let text)): caseCount = Int(String(decoding: text, as: UTF8.self))
        case (.runCase, _): endpoint.send(message)
        default: break
        }
    }

    func endpointClosed(_ endpoint: Endpoint, _ ending: Ending) {
        if case .notOpened(let reason) = ending { return finish("\(path): \(reason)") }
        switch step {
        case .countCases:
            guard let caseCount else { return finish("the suite did not say how many cases it has") }
            step = caseCount > 0 ? .runCase(1) : .updateReports
        case .runCase(let number):
            step = number < caseCount ?? 0 ? .runCase(number + 1) : .updateReports
        case .updateReports: return finish(nil)
        }
        dial()
    }

    func endpoint(_ endpoint: Endpoint, asked request: OpeningRequest) {}
    func endpointOpened(_ endpoint: Endpoint) {}
    func endpoint(_ endpoint: Endpoint, pinged payload: [UInt8]) {}
    func endpoint(_ endpoint: Endpoint, ponged payload: [UInt8]) {}
    func endpointDrained(_ endpoint: Endpoint) {}
}
