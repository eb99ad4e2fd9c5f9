"""AssemblyAI's transcripts of recordings: what one may be asked for with (`options`), and be asked
(`queries`), what is answered (`server`), and our errors in the provider's words (`errors`).

Source: AssemblyAI (2026), API reference "Pre-recorded audio" and assemblyai-api-spec; field names
and strictness as assemblyai 1.8.2 sends and parses them.
"""
