import Glibc

/// Ends the process with this code once what `print` wrote is out. Unlike `exit` it lets no library tidy up: OpenSSL
/// would free what our other threads, a worker that checks a signature, say, still use, and the process would crash in
/// its last moment (seen once in 150 runs). What has to last is on disk already. Handlers set by `at_quick_exit` run.
package func endProgram(_ code: Int32) -> Never {
    fflush(nil)
    quick_exit(code)
}
