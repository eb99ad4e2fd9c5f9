"""AssemblyAI's live dialect: `GET /v3/ws` as a WebSocket, and the temporary tokens for it.

What a session may be asked for (`options`), the server's side (`server`, and `turn`: what it tells
of one turn), the client's (`client`), and our errors as the provider closes for them (`errors`).

Source: AssemblyAI (2026), API reference "Universal Streaming", "Message Sequence", "Common session
errors and closures" and "Authenticate with a temporary token"; field names and strictness as
assemblyai 1.8.2 sends and parses them.
"""
