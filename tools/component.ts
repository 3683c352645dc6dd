/** What a real component is: where it comes from, and what it takes to have it. The table of them is in components.ts. */

/** Built from the Go module proxy with the pins of `tools/go/<recipe>`; a program of our own has its source there too. */
export interface GoComponent {
  readonly kind: 'go';
  /** Upstream version that the pins stand for. */
  readonly version: string;
  /** Folder below tools/go that holds go.mod and go.sum. */
  readonly recipe: string;
  /** Go package of the command; `.` is the recipe's folder itself. */
  readonly package: string;
  readonly ldflags: string;
  /** File name of the executable. */
  readonly output: string;
  /** First build with an empty Go cache, on two cores, downloads included; seconds. */
  readonly coldBuildSeconds: number;
  /** Build with a warm Go cache, on two cores; seconds. */
  readonly relinkSeconds: number;
  readonly purpose: string;
}

/** A command that a package of the distribution brings; its version is the distribution's. */
export interface DebianComponent {
  readonly kind: 'debian';
  readonly command: string;
  readonly package: string;
  readonly purpose: string;
}

/** A program from PyPI in a folder of its own, with the hashed pins of `tools/python/<recipe>`. */
export interface PythonComponent {
  readonly kind: 'python';
  /** Upstream version; the pins hold it and everything it needs. */
  readonly version: string;
  /** Folder below tools/python that holds requirements.txt; also the name of the package. */
  readonly recipe: string;
  /** Function that the program runs, as `module:function`. */
  readonly entry: string;
  /** First installation with an empty cache of pip, on two cores, downloads included; seconds. */
  readonly installSeconds: number;
  readonly purpose: string;
}

export type Component = GoComponent | PythonComponent | DebianComponent;
