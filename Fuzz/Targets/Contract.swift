import CLibFuzzer
import Glibc

/// Ends the program as a finding if a promise of the code under test does not hold. `rule` says which, and how.
func hold(_ isKept: Bool, _ rule: @autoclosure () -> String) {
    guard !isKept else { return }
    broken(rule())
}

func broken(_ rule: String) -> Never {
    var line = "contract broken: \(rule)\n"
    line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    abort()
}

/// What is allocated at this moment. The difference over the release of a value is what that value held.
func allocatedBytes() -> Int { __sanitizer_get_current_allocated_bytes() }
