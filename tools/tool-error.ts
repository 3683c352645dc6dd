/** Why a component could not be prepared; the message always ends with what the user can do. */
export type ToolErrorCode =
  | 'GO_MISSING'
  | 'BUILD_FAILED'
  | 'INSTALL_NOT_ALLOWED'
  | 'INSTALL_FAILED'
  | 'TOOL_NOT_PREPARED';

/** Error of the tools, with a closed set of codes. */
export class ToolError extends Error {
  override readonly name = 'ToolError';

  constructor(
    readonly code: ToolErrorCode,
    message: string,
  ) {
    super(message);
  }
}
