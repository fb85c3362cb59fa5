import Net

endProgram(BenchmarkProgram.run(Array(CommandLine.arguments.dropFirst())))
