"""The parametric human body: shape and pose to vertices, joint centres and named virtual markers."""
