"""The engine `blocks`: a learned classifier of text blocks over lexbor's tree, in numpy alone."""
