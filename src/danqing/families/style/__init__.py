"""Style transfer: any picture in any picture's manner."""
